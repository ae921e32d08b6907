/* SPDX-License-Identifier: MIT */

/* Preloaded into mtr-packet: a time of day that a test can set. */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

static const int64_t *offset_usec;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static void __attribute__((constructor)) start(void)
{
    int fd = open(PRELOAD_CLOCK_OFFSET, O_RDONLY | O_CLOEXEC);
    void *page = mmap(NULL, sizeof(*offset_usec), PROT_READ, MAP_SHARED, fd, 0);

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (page == MAP_FAILED || !real_clock_gettime) {
        perror("preload-clock: " PRELOAD_CLOCK_OFFSET);
        _exit(EXIT_FAILURE);
    }
    offset_usec = page;
    (void)close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = real_clock_gettime(clock, ret);
    int64_t usec;

    if (r < 0 || clock != CLOCK_REALTIME)
        return r;

    usec = (int64_t)ret->tv_sec * 1000000 + ret->tv_nsec / 1000 +
           __atomic_load_n(offset_usec, __ATOMIC_SEQ_CST);
    ret->tv_sec = usec / 1000000;
    ret->tv_nsec = usec % 1000000 * 1000 + ret->tv_nsec % 1000;
    return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -1;
    *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
