/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The buses that a distribution may have, each as the system bus of a sandbox.
 */

#include <glib.h>

typedef enum BusKind {
    BUS_DAEMON,           /* dbus-daemon with the distribution's system.conf, and our policy */
    BUS_DAEMON_ALLOW_ALL, /* dbus-daemon with a policy that allows everything */
    BUS_BROKER,           /* dbus-broker with the distribution's system.conf, and our policy */
} BusKind;

typedef struct Bus {
    GPid pid;        /* of what was started; 0 if it does not run */
    GPid broker_pid; /* of what passes messages on */
    int journal;     /* where dbus-broker says that it runs, or -1 */
} Bus;

/** bus_start() - start a bus, and return when it listens; its messages go to BUS_LOG */
void bus_start(Bus *bus, BusKind kind);

/** bus_end() - end it with @signal; nothing happens if it does not run */
void bus_end(Bus *bus, int signal);
