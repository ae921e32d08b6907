/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Jobs on their way to one mtr-packet, or to those that follow each other: they wait here for a
 * place in it, the users in turn.
 */

#include <stdbool.h>

#include "job.h"
#include "numbers.h"
#include "outcome.h"
#include "restart.h"
#include "util.h"
#include "worker.h"

/** lane_quiet_t - a lane has nothing in its processes, and nothing that it may put there; do not
 * free it from here */
typedef void (*lane_quiet_t)(void *userdata);

/**
 * lane_new() - make a lane; it starts no process yet
 * @ret: the lane, only on success
 * @workplace: borrowed for its whole life
 * @numbers: which numbers its processes have
 * @restart: when one may be started, see crew_init(); borrowed for its whole life
 * @quiet, @userdata: told when its last job is out; or NULL
 *
 * Return: 0 or a negative errno.
 */
int lane_new(Lane **ret, Workplace *workplace, NumbersKind numbers, Restart *restart,
             lane_quiet_t quiet, void *userdata);

/**
 * lane_free() - end the processes
 *
 * Jobs that were dropped while mtr-packet had them go with it; others there must not be. Takes
 * NULL, returns NULL.
 */
Lane *lane_free(Lane *lane);
DEFINE_CLEANUP(Lane *, lane_free)

/**
 * lane_submit() - have a job done
 * @job: the lane's from now on; its owner may be told of the end before this function returns
 *
 * Return: 0, or -ENOMEM, when the job is still the caller's.
 */
int lane_submit(Lane *lane, Job *job);

/**
 * lane_drop() - nobody waits for this job any more: its `done` will not be called
 *
 * What waits is forgotten. What mtr-packet has cannot be called back, and keeps its place until it
 * is answered.
 */
void lane_drop(Job *job);

/** lane_put_back() - a job that awaited its turn waits again for its place; before others of its
 * user */
void lane_put_back(Job *job);

/** lane_dispatch() - hand out what waits, as far as there is room for it */
void lane_dispatch(Lane *lane);

/** lane_set_open() - whether jobs may go to the process, or wait */
void lane_set_open(Lane *lane, bool open);

/** lane_rest() - end the processes, which must have no jobs; another is started for the next job */
void lane_rest(Lane *lane);

/** lane_replace() - give all processes up that have jobs, which fail with @reason */
void lane_replace(Lane *lane, const char *reason);

/** lane_in_process() - whether jobs are in its processes */
bool lane_in_process(const Lane *lane);

/** lane_unused() - whether it has no jobs at all */
bool lane_unused(const Lane *lane);
