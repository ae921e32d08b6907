/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into the service: memory, processes and threads fail as often as a test says.
 *
 * Only on the thread that the process began with, which is the service's own: with memory out on a
 * thread that looks up a name, the C library itself aborts, which says nothing of the service. With
 * WITHOUT_MEMORY it leaves memory alone: a sanitizer has an allocator of its own.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload-faults.h"

static PreloadFaults *faults;
static _Thread_local bool is_main;
static uint32_t state; /* of the numbers that say which fails */

static void __attribute__((constructor)) start(void)
{
    int fd = open(PRELOAD_FAULTS, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED) {
        perror("preload-faults: " PRELOAD_FAULTS);
        _exit(EXIT_FAILURE);
    }
    (void)close(fd);
    faults = page;
    state = atomic_load(&faults->seed) | 1;
    is_main = true;
}

void preload_faults_end(void)
{
    is_main = false;
}

/* Whether the next of those of which so many are to fail does. */
static bool fails(_Atomic uint32_t *ppm, _Atomic uint32_t *count)
{
    uint32_t now = atomic_load_explicit(ppm, memory_order_relaxed);

    if (now == 0)
        return false;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    if (state % PRELOAD_FAULTS_ALWAYS >= now)
        return false;
    atomic_fetch_add(count, 1);
    return true;
}

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function) {
        perror(name);
        _exit(EXIT_FAILURE);
    }
    return function;
}

/*
 * Memory
 */

#ifndef WITHOUT_MEMORY

/* What the C library has under the names that are taken here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static void tell(uint32_t asked)
{
    struct mallinfo2 info;

    (void)malloc_trim(0);
    info = mallinfo2();
    atomic_store(&faults->bytes_in_use, info.uordblks + info.hblkhd);
    atomic_store(&faults->told, asked);
}

/* Nobody else counts while the test does not. */
static bool is_counted_down(void)
{
    if (atomic_load_explicit(&faults->countdown, memory_order_relaxed) == 0 ||
        atomic_fetch_sub(&faults->countdown, 1) != 1)
        return false;
    atomic_fetch_add(&faults->n_memory, 1);
    return true;
}

/* Whether there is to be no memory for who asks now. */
static bool is_out(void)
{
    uint32_t asked;

    if (!is_main)
        return false;
    asked = atomic_load_explicit(&faults->asked, memory_order_relaxed);
    if (asked != atomic_load_explicit(&faults->told, memory_order_relaxed))
        tell(asked);
    if (!is_counted_down() && !fails(&faults->memory_ppm, &faults->n_memory))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return is_out() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return is_out() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return is_out() ? NULL : __libc_realloc(old, size);
}

#endif

/*
 * Processes and threads
 */

pid_t fork(void)
{
    static pid_t (*real)(void);

    if (!real)
        *(void **)&real = next("fork");
    if (is_main && fails(&faults->fork_ppm, &faults->n_fork)) {
        errno = EAGAIN;
        return -1;
    }
    return real();
}

int pthread_create(pthread_t *restrict ret, const pthread_attr_t *restrict attributes,
                   void *(*run)(void *), void *restrict argument)
{
    static int (*real)(pthread_t *restrict, const pthread_attr_t *restrict, void *(*)(void *),
                       void *restrict);

    if (!real)
        *(void **)&real = next("pthread_create");
    if (is_main && fails(&faults->thread_ppm, &faults->n_thread))
        return EAGAIN;
    return real(ret, attributes, run, argument);
}
