/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The processes for ICMP and UDP with a routing mark. mtr-packet sets a mark on sockets that all
 * later probes share, and nothing clears it: so each mark has a process of its own, for nothing
 * else. A few marks have one at a time. The process of a mark that is not used any more is ended
 * after a while, or at once if another mark waits; if all are in use, the one that has been open
 * for longest gives way: it takes no more probes, and when the last is out it waits in its turn.
 * The users whose marks wait have turns, so that nobody waits behind somebody else's many marks.
 */

#include "fair-queue.h"
#include "lane.h"
#include "util.h"
#include "worker.h"

/* Marks that have a process at a time. */
#define MARKS_OPEN_MAX 8

/* How long a process stays with nothing to do, in microseconds. */
#define MARKS_UNUSED_USEC (10 * 1000 * 1000ULL)

typedef struct Mark Mark;

/* Begins as zeros but for `workplace`. */
typedef struct Marks {
    Workplace *workplace; /* borrowed */
    Restart restart;      /* of all: a new mark is no way round a pause */
    Mark *by_value;
    Mark *open; /* may have a process; the one opened first comes first */
    unsigned n_open;
    FairQueue waiting; /* may not, yet: in turn of the users who first asked for them */
    Mark *closing;     /* one of `open` that is to give way; or NULL */
} Marks;

/** marks_deinit() - end the processes, see lane_free() */
void marks_deinit(Marks *marks);

/** marks_submit() - have a job done by its mark's process, see lane_submit() */
int marks_submit(Marks *marks, Job *job);

/** marks_dispatch() - lane_dispatch() for each */
void marks_dispatch(Marks *marks);

/** marks_replace() - lane_replace() for each */
void marks_replace(Marks *marks, const char *reason);
