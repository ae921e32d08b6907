/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into the service: a timer on the time of day that a test can cancel, as a step of the
 * clock does. In the timer's place the program gets a FIFO, and a byte in there is a step.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "preload.h"

static int timer = -1;
static bool can_be_cancelled;

static void __attribute__((noreturn)) die(const char *what)
{
    perror(what);
    _exit(EXIT_FAILURE);
}

/*
 * The function that comes next: the C library's, or a sanitizer's, which calls that. It is looked
 * up at its first use, which may be before any constructor of ours.
 */
static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        die(name);
    return function;
}

static ssize_t real_read(int fd, void *buffer, size_t size)
{
    static ssize_t (*function)(int, void *, size_t);

    if (!function)
        *(void **)&function = next("read");
    return function(fd, buffer, size);
}

static int real_timerfd_create(int clock, int flags)
{
    static int (*function)(int, int);

    if (!function)
        *(void **)&function = next("timerfd_create");
    return function(clock, flags);
}

static int real_timerfd_settime(int fd, int flags, const struct itimerspec *new,
                                struct itimerspec *old)
{
    static int (*function)(int, int, const struct itimerspec *, struct itimerspec *);

    if (!function)
        *(void **)&function = next("timerfd_settime");
    return function(fd, flags, new, old);
}

int timerfd_create(int clock, int flags)
{
    if (clock != CLOCK_REALTIME)
        return real_timerfd_create(clock, flags);

    if (timer >= 0)
        die("preload-timerfd: a second timer on the time of day");
    /* For writing as well, so that there is no end of file while the test has it closed. */
    timer = open(PRELOAD_CLOCK_STEPS, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (timer < 0)
        die("preload-timerfd: " PRELOAD_CLOCK_STEPS);
    return timer;
}

/* It never expires here. Only one that was set so is cancelled by a step. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    if (fd != timer)
        return real_timerfd_settime(fd, flags, new, old);

    can_be_cancelled = (flags & TFD_TIMER_ABSTIME) && (flags & TFD_TIMER_CANCEL_ON_SET);
    if (old)
        *old = (struct itimerspec){0};
    return 0;
}

ssize_t read(int fd, void *buffer, size_t size)
{
    char steps[64];
    ssize_t n;

    if (fd != timer || fd < 0)
        return real_read(fd, buffer, size);

    n = real_read(fd, steps, sizeof(steps));
    if (n < 0)
        return n;
    errno = can_be_cancelled ? ECANCELED : EAGAIN;
    return -1;
}
