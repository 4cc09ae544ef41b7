/**
 * The C source of a library that is loaded into a server before libc. It adds an offset to the wall
 * clock and does not change the monotonic clock. The offset, in milliseconds, is the first number
 * of a mapped file: it can change while the server runs, and reading it costs no system call. The
 * second number is set when the library has been loaded.
 */
export const SOURCE = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
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
  const char *path = getenv("CACHE_TESTING_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return;
  shared = map;
  shared->loaded = 1;
}

static void add(struct timespec *to, int64_t ms) {
  to->tv_sec += ms / 1000;
  to->tv_nsec += ms % 1000 * 1000000;
  if (to->tv_nsec < 0) { to->tv_nsec += 1000000000; to->tv_sec--; }
  if (to->tv_nsec >= 1000000000) { to->tv_nsec -= 1000000000; to->tv_sec++; }
}

int clock_gettime(clockid_t id, struct timespec *now) {
  /* Other libraries may call this before this library has been initialised. */
  int result = next_clock_gettime
    ? next_clock_gettime(id, now)
    : syscall(SYS_clock_gettime, id, now);
  if (result != 0 || shared == NULL) return result;
  if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) return result;
  add(now, shared->offset_ms);
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

/* The kernel compares with the real clock. Without this correction, a deadline on a clock that was
   set back would already have passed: the thread would not wait at all, and spin. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (next == NULL) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec real = *until;
  if (shared != NULL) add(&real, -shared->offset_ms);
  return next(condition, mutex, &real);
}

time_t time(time_t *result) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}
`
