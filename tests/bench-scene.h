/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the benchmark measures: the service on a bus of its own, with polkit and two users who may
 * probe by the example rule, and beside it one with a method that does nothing.
 */

#include "bus-load.h"
#include "fixture.h"
#include "polkit.h"

#define BENCH_BUSY_UID 4401
#define BENCH_OTHER_UID 4402

/* The service's option where it may be asked nothing for a while. */
#define BENCH_STAYS "--idle-timeout=0"

typedef struct BenchScene {
    Polkit polkit;
    GPid empty_pid; /* of the service with the empty method */
} BenchScene;

extern const BusLoadCall bench_probe;      /* to loopback */
extern const BusLoadCall bench_hole_probe; /* where nobody answers, for a minute */
extern const BusLoadCall bench_empty;

/** bench_scene_start() - start all of it */
void bench_scene_start(BenchScene *scene, BusKind kind);

/** bench_scene_stop() - end it */
void bench_scene_stop(BenchScene *scene);

/** bench_scene_restart() - have a service with this option, that has nothing left of what was
 * before */
void bench_scene_restart(BenchScene *scene, const char *option);
