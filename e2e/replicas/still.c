/* Preloaded into Redis: its wall clock stands still at the microsecond since 1970 that the file $STILL_AT holds in
   eight bytes, or goes on if that is 0. What Redis measures by its monotonic clock goes on in any case. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *at;

__attribute__((constructor)) static void look(void) {
  int file = open(getenv("STILL_AT"), O_RDONLY);
  void *content = mmap(NULL, sizeof *at, PROT_READ, MAP_SHARED, file, 0);
  if (content != MAP_FAILED)
    at = content;
}

static long long now(void) {
  if (at && *at)
    return *at;
  struct timespec time = {0};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  long long micros = now();
  time->tv_sec = micros / 1000000;
  time->tv_usec = micros % 1000000;
  return 0;
}

time_t time(time_t *result) {
  time_t seconds = now() / 1000000;
  if (result)
    *result = seconds;
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (clock != CLOCK_REALTIME)
    return (int)syscall(SYS_clock_gettime, clock, time);
  long long micros = now();
  time->tv_sec = micros / 1000000;
  time->tv_nsec = micros % 1000000 * 1000;
  return 0;
}
