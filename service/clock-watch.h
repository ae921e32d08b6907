/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tells when the machine's wall clock was set, or went on while the machine slept. mtr-packet
 * measures round trips by that clock, and gives probes up by it.
 */

#include <systemd/sd-event.h>

/** clock_watch_set_t - the wall clock is not what it was */
typedef void (*clock_watch_set_t)(void *userdata);

typedef struct ClockWatch {
    int fd;
    sd_event_source *source;
    clock_watch_set_t set;
    void *userdata;
} ClockWatch;

/**
 * clock_watch_init() - begin to watch
 * @priority: see sd_event_source_set_priority(); before whatever was measured by the clock is
 * looked at
 * @set, @userdata: told each time
 *
 * Return: 0 or a negative errno; either way clock_watch_deinit() cleans up.
 */
int clock_watch_init(ClockWatch *watch, sd_event *event, int64_t priority, clock_watch_set_t set,
                     void *userdata);

/** clock_watch_deinit() - watch no more; once after clock_watch_init() */
void clock_watch_deinit(ClockWatch *watch);
