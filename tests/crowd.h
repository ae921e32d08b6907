/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Many probes at once, and a tally of the bus, which tells whether each call was answered once: a
 * client cannot, since a second reply to the same call is nothing that its library shows it.
 */

#include "fixture.h"

/* The same probe many times over, on connections enough: a bus lets each have no more than 128
 * calls waiting. */
typedef struct Crowd {
    unsigned n;
    GPtrArray *connections;
    Answer *answers;
} Crowd;

/** crowd_start() - call Probe @n times, as user 0; see probe_arguments() */
void crowd_start(Crowd *crowd, unsigned n, const char *host, const char *options);

/** crowd_start_as() - the same as user @uid, on so many connections */
void crowd_start_as(Crowd *crowd, uid_t uid, unsigned n_connections, unsigned n, const char *host,
                    const char *options);

/** crowd_answered() - how many of the calls have been answered */
unsigned crowd_answered(const Crowd *crowd);

/** crowd_wait() - run the main context until all have been answered */
void crowd_wait(Crowd *crowd);

/**
 * crowd_leave() - leave the bus before all calls have been answered
 *
 * They are then, with an error of the library's. The service hears of it before it hears of
 * anything that is sent after this.
 */
void crowd_leave(Crowd *crowd, Fixture *fixture);

/** crowd_end() - leave the bus, and free the answers, which are all there */
void crowd_end(Crowd *crowd);

/* Every call of Probe on a bus, and how often each was answered. */
typedef struct Tally {
    Monitor monitor;
    GHashTable *replies; /* to a call, by its caller and serial */
} Tally;

/** tally_start() - count from now on */
void tally_start(Tally *tally);

/** tally_end() - check that each of the @n calls since was answered, and once, and count no more */
void tally_end(Tally *tally, Fixture *fixture, unsigned n);
