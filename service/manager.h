/* SPDX-License-Identifier: MIT */
#pragma once

/* The whole service: it owns the event loop, the bus connection, the callers and the scheduler, and
 * stops in order. */

#include <stdbool.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "caller.h"
#include "resolver.h"
#include "scheduler.h"
#include "util.h"

typedef struct Manager {
    sd_event *event;
    sd_bus *bus;
    sd_bus_slot *object;        /* our object on the bus */
    sd_bus_slot *name_question; /* for the name, for its release, or the last one */
    sd_bus_slot *disconnected;
    Resolver *resolver;
    Quota *quota;
    Authority *authority;
    Callers callers;
    Scheduler *scheduler;
    Statistics statistics;
    PacketSupport support; /* of the mtr-packet that was last started; empty until then */
    uint64_t idle_usec;    /* how long to stay with nothing to do; 0 for ever */
    sd_event_source *idle; /* on while there is nothing to do */
    bool stopping;         /* on the way out: the name is being released, or was */
    bool released;         /* the bus has confirmed that */
    bool refusing; /* calls are refused: they come after the name, or the stop is no idle one */
    bool told;     /* to stop, by a signal */
} Manager;

/**
 * manager_new() - connect to the system bus and ask for the service's name there
 * @ret: the manager, only on success
 * @packet_command: which mtr-packet, see packet_spawn()
 * @limits: copied
 * @idle_usec: stop when there was no request and no session for so long, in microseconds; 0 for
 * never
 *
 * SIGTERM, SIGINT and SIGCHLD must be blocked. The system bus is where DBUS_SYSTEM_BUS_ADDRESS
 * says, or else where D-Bus says.
 *
 * Return: 0 or a negative errno, which was logged.
 */
int manager_new(Manager **ret, const char *packet_command, const Limits *limits,
                uint64_t idle_usec);

/**
 * manager_run() - serve until SIGTERM or SIGINT, or until there was nothing to do for long enough
 *
 * Return: 0 after an orderly stop, or a negative errno, which was logged: the name was refused or
 * is taken, or the bus is gone.
 */
int manager_run(Manager *manager);

/** manager_free() - end everything; takes NULL and what is half built, returns NULL */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)
