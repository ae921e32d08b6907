/* SPDX-License-Identifier: MIT */

#include "clock-watch.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util.h"

/* A date that never comes, in seconds since 1970: far off, or as far as the type goes. */
#define NEVER ((time_t)(sizeof(time_t) > 4 ? INT64_C(1) << 40 : INT32_MAX))

/* The kernel gives a timer up, and says so, when its clock is set. */
static int arm(ClockWatch *watch)
{
    const struct itimerspec never = {.it_value.tv_sec = NEVER};

    return timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
               ? -errno
               : 0;
}

static int on_timer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    ClockWatch *watch = userdata;
    uint64_t n;

    if (read(fd, &n, sizeof(n)) < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;

    (void)arm(watch); /* worked before, with the same arguments */
    watch->set(watch->userdata);
    return 0;
}

int clock_watch_init(ClockWatch *watch, sd_event *event, int64_t priority, clock_watch_set_t set,
                     void *userdata)
{
    int r;

    *watch = (ClockWatch){.fd = -1, .set = set, .userdata = userdata};
    watch->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (watch->fd < 0)
        return -errno;
    r = arm(watch);
    if (r >= 0)
        r = sd_event_add_io(event, &watch->source, watch->fd, EPOLLIN, on_timer, watch);
    if (r >= 0)
        r = sd_event_source_set_priority(watch->source, priority);
    return r < 0 ? r : 0;
}

void clock_watch_deinit(ClockWatch *watch)
{
    watch->source = sd_event_source_disable_unref(watch->source);
    watch->fd = close_fd(watch->fd);
}
