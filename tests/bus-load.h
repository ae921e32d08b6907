/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Calls over a bus by a client that does as little as a client can: sd-bus, without an event loop.
 */

#include <sys/types.h>

#include "load.h"

typedef struct BusLoad BusLoad;

/* What is called. */
typedef struct BusLoadCall {
    const char *name, *path, *interface, *method;
    const char *host; /* the probe's, or NULL for a method without arguments */
    double timeout;   /* the probe's, in seconds; 0 for the default */
} BusLoadCall;

/**
 * bus_load_new() - connect to the system bus as user @uid, often enough
 * @in_flight: how many calls there will be at a time, at most
 */
BusLoad *bus_load_new(uid_t uid, unsigned in_flight);

/** bus_load_free() - disconnect; what was called and has no answer is left alone */
void bus_load_free(BusLoad *bus_load);

/**
 * bus_load_run() - call until @n are answered
 * @load: filled in; load_clear() it. Where the call is no probe there are no round trips.
 * @processes: see load_begin()
 */
void bus_load_run(BusLoad *bus_load, Load *load, const BusLoadCall *call, unsigned n,
                  unsigned in_flight, const GPid processes[LOAD_COSTS]);

/** bus_load_introduce() - call once over each connection: then the service knows whose they are */
void bus_load_introduce(BusLoad *bus_load, const BusLoadCall *call);

/** bus_load_span() - call once, and return how long it took, in microseconds */
double bus_load_span(BusLoad *bus_load, const BusLoadCall *call);

/**
 * bus_load_fill() - call @n times, and return when all are on their way
 *
 * Their answers are left alone. The service must know the connections: bus_load_introduce() them.
 */
void bus_load_fill(BusLoad *bus_load, const BusLoadCall *call, unsigned n);
