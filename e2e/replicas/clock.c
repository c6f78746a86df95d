/* Preloaded into a replica: its wall clock is an hour ahead, and its monotonic clock runs a hundredth fast.
   No further, because the kernel's own time-outs, which some callers give as such a moment, do not. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const long long SECOND = 1000000000;
static long long begin;

static long long read_clock(clockid_t clock, int *result) {
  struct timespec time = {0};
  *result = (int)syscall(SYS_clock_gettime, clock, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

__attribute__((constructor)) static void remember(void) {
  int result;
  begin = read_clock(CLOCK_MONOTONIC, &result);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result;
  long long now = read_clock(clock, &result);
  if (clock == CLOCK_REALTIME)
    now += 3600 * SECOND;
  if (clock == CLOCK_MONOTONIC && begin)
    now += (now - begin) / 100;
  time->tv_sec = now / SECOND;
  time->tv_nsec = now % SECOND;
  return result;
}
