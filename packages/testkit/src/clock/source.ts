/**
 * A library in C that is loaded into a server before libc. It adds an offset to the wall clock and
 * leaves the monotonic clock alone. The offset, in milliseconds, is the first number of a mapped
 * file, so that it can change while the server runs and costs no system call. The second number
 * says that the library was loaded.
 */
export const SOURCE = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct shared { int64_t offset_ms; int64_t loaded; };
static volatile struct shared *shared;
static int (*next_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void load(void) {
  next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("CACHE_TESTKIT_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return;
  shared = map;
  shared->loaded = 1;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  /* Other libraries may ask before this one has been initialised. */
  int result = next_clock_gettime ? next_clock_gettime(id, now) : syscall(SYS_clock_gettime, id, now);
  if (result != 0 || shared == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
  int64_t offset = shared->offset_ms;
  now->tv_sec += offset / 1000;
  now->tv_nsec += offset % 1000 * 1000000;
  if (now->tv_nsec < 0) { now->tv_nsec += 1000000000; now->tv_sec--; }
  if (now->tv_nsec >= 1000000000) { now->tv_nsec -= 1000000000; now->tv_sec++; }
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}
`
