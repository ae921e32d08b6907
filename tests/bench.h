/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of bench-bus share: how much there is to be measured, on what, and where it is
 * noted. */

#include "bench-scene.h"
#include "report.h"

/* How much is measured. */
typedef struct Size {
    unsigned rate_rounds; /* of all loads that are compared by their rates, in turn */
    unsigned rounds;      /* of the others */
    unsigned few, many;   /* probes in a load, in flight one at a time or many */
    unsigned very_many;   /* in that which is to show false losses */
    unsigned calls;       /* of which the median is looked at, BENCH_CALLS_MAX at most */
    bool judged;          /* whether the limits count */
} Size;

typedef struct Bench {
    Size size;
    BusKind kind;
    Report *report;
    BenchScene scene;
} Bench;

#define BENCH_CALLS_MAX 100
