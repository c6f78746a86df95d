/* What a preload needs to give Redis another wall clock: it includes this file, says in `wall_clock` what the clock
   shows, and reads the number in the file that an environment variable names. What Redis measures by its monotonic
   clock goes on as it was. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Microseconds since 1970, as the preload has them. */
static long long wall_clock(void);

/* The eight bytes of the file that this variable names, as they are at any moment; NULL if there is none. */
static inline volatile const long long *number_in(const char *variable) {
  int file = open(getenv(variable), O_RDONLY);
  void *content = mmap(NULL, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
  return content == MAP_FAILED ? NULL : content;
}

/* Microseconds since 1970, as the machine has them. */
static inline long long machine_clock(void) {
  struct timespec time = {0};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  long long micros = wall_clock();
  time->tv_sec = micros / 1000000;
  time->tv_usec = micros % 1000000;
  return 0;
}

time_t time(time_t *result) {
  time_t seconds = wall_clock() / 1000000;
  if (result)
    *result = seconds;
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (clock != CLOCK_REALTIME)
    return (int)syscall(SYS_clock_gettime, clock, time);
  long long micros = wall_clock();
  time->tv_sec = micros / 1000000;
  time->tv_nsec = micros % 1000000 * 1000;
  return 0;
}
