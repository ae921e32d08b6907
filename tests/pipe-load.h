/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Probes given to an mtr-packet over its pipes by nobody but us: what the service is measured
 * against.
 */

#include "load.h"

typedef struct PipeLoad {
    GPid pid;              /* 0 if it is not ours to end */
    int commands, replies; /* its stdin and stdout; the one does not block */
} PipeLoad;

/** pipe_load_start() - start a program that speaks as mtr-packet does, and wait until it answers */
void pipe_load_start(PipeLoad *pipe_load, const char *const argv[]);

/** pipe_load_start_apart() - the same in a network of its own */
void pipe_load_start_apart(PipeLoad *pipe_load, const char *const argv[]);

/** pipe_load_take() - the same over a socket that is there; it is taken over */
void pipe_load_take(PipeLoad *pipe_load, int fd);

/**
 * pipe_load_run() - have @n probes to 127.0.0.1 answered
 * @load: filled in; load_clear() it
 * @processes: see load_begin()
 * @in_flight: how many are given at a time
 * @burst: after how many a barrier, whose answer is waited for before the next; 0 for none
 */
void pipe_load_run(PipeLoad *pipe_load, Load *load, const GPid processes[LOAD_COSTS], unsigned n,
                   unsigned in_flight, unsigned burst);

/** pipe_load_stop() - end it */
void pipe_load_stop(PipeLoad *pipe_load);
