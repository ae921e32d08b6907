/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the service takes of the machine: memory over time, and descriptors and processes when
 * nobody calls. And whether what it says of itself adds up then.
 */

#include "soak-scene.h"

#define WATCH_SAMPLES 4096

/* The memory that the service has resident, over its life. */
typedef struct Samples {
    unsigned n;
    double minutes[WATCH_SAMPLES], kib[WATCH_SAMPLES];
} Samples;

typedef struct Watch {
    Scene *scene;
    bool thorough;    /* whether it waits until the mtr-packets of marks have ended */
    bool with_memory; /* whether preload-faults counts what is in use */

    /* of this life of the service */
    unsigned life;
    Samples quiet, load; /* when nobody calls, and every second */
    int64_t next;

    /* the last quiet point, of this life or another */
    unsigned quiet_life;
    unsigned n_quiet; /* in this life */
    uint64_t in_use_first;
    uint64_t counts[COUNTERS];

    /* the worst of all lives, and first and last of all */
    unsigned n_slopes;
    double slope_max;   /* KiB a minute */
    double slope_calls; /* of that life, KiB in 1000 calls */
    double growth_max;  /* of what is in use, KiB, between two quiet points of a life */
    unsigned fds_begin, fds_end, processes_begin, processes_end;
    uint64_t calls_at_birth;
} Watch;

/** watch_init() - begin; the service has just been started, and nobody has called it */
void watch_init(Watch *watch, Scene *scene, bool with_memory, bool thorough);

/** watch_sample() - look at the service's memory, if it is time to */
void watch_sample(Watch *watch);

/** watch_quiet() - check what is to be so when all clients have gone */
void watch_quiet(Watch *watch);

/** watch_end() - the last life has ended */
void watch_end(Watch *watch);
