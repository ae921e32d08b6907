/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The signals that end this program, SIGHUP, SIGINT and SIGTERM: in order, so that polkit's agent
 * leaves the terminal before the shell has it back. They are blocked for that, and watched. One
 * that is ignored, as SIGHUP is below nohup, stays so.
 */

#include <systemd/sd-event.h>

typedef struct Ending {
    int fd;     /* can be read when one has come; -1 until ending_watch() */
    int signal; /* by which the process is to end, once all is in order; or 0 */
} Ending;

/** ending_watch() - begin. Return: 0 or a negative errno. */
int ending_watch(Ending *ending);

/** ending_add() - have an event loop call @on_signal, before anything else that comes. Return: 0 or
 * a negative errno. */
int ending_add(sd_event *event, sd_event_signal_handler_t on_signal, void *userdata);

/** ending_take() - note one that has come, without an event loop; none is no matter */
void ending_take(Ending *ending);

/** ending_raise() - end the process by ending->signal; if that is 0, return */
void ending_raise(const Ending *ending);
