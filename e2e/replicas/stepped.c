/* Preloaded into Redis: its wall clock is ahead by as many microseconds as the file $STEPPED_BY holds, in eight
   bytes. What it measures by its monotonic clock goes on as it was. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *by;

__attribute__((constructor)) static void look(void) {
  int file = open(getenv("STEPPED_BY"), O_RDONLY);
  void *content = mmap(NULL, sizeof *by, PROT_READ, MAP_SHARED, file, 0);
  if (content != MAP_FAILED)
    by = content;
}

static long long now(void) {
  struct timespec time = {0};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000 + (by ? *by : 0);
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
