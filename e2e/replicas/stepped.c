/* Preloaded into Redis: its wall clock is ahead by as many microseconds as the file $STEPPED_BY holds. */
#include "wall_clock.h"

static volatile const long long *by;

__attribute__((constructor)) static void look(void) { by = number_in("STEPPED_BY"); }

static long long wall_clock(void) { return machine_clock() + (by ? *by : 0); }
