/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The processes of a lane, one after another: one takes jobs; it is started when there is need of
 * it, and again, after a pause if need be, when it was lost. One that has used its numbers up, see
 * numbers.h, is followed by another at once, and ends when its last job is out. If too many old
 * ones are not done yet, or there are no numbers for another, jobs wait.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "numbers.h"
#include "outcome.h"
#include "restart.h"
#include "worker.h"

/* How many processes that take no more jobs there may be at a time. */
#define CREW_RETIRING_MAX 4

typedef struct CrewEvents {
    /* There may be a worker for what waits: see crew_get(). */
    void (*room)(void *userdata);
    /* A job is out: answer it, and free it. */
    void (*done)(void *userdata, Job *job, const PacketReply *reply, const Failure *failure);
    /* A process could not even start: what waits for it would wait in vain. */
    void (*failed)(void *userdata, const Failure *failure);
} CrewEvents;

typedef struct Crew {
    Workplace *workplace;
    NumbersKind numbers;
    const CrewEvents *events;
    void *userdata;

    Worker *worker; /* that takes jobs; NULL before the first, and after a loss */
    Worker *retiring[CREW_RETIRING_MAX]; /* that take no more */
    unsigned n_retiring;
    Worker *ended[CREW_RETIRING_MAX + 1]; /* to be freed */
    unsigned n_ended;
    sd_event_source *end_source; /* on while there are such */

    unsigned range;                    /* of numbers, that the last process has */
    unsigned used[NUMBERS_OWN_RANGES]; /* of each, by processes that did not come to its end */
    Restart *restart;
    bool replacing; /* what is lost now is lost through no fault of its own */
} Crew;

/**
 * crew_init() - begin, without a process
 * @workplace: borrowed
 * @numbers: which numbers the processes have
 * @restart: when one may be started; borrowed, and shared with others whose losses count as well
 * @events, @userdata: who is told; borrowed. Never from within crew_get().
 *
 * Return: 0 or a negative errno; either way crew_deinit() cleans up.
 */
int crew_init(Crew *crew, Workplace *workplace, NumbersKind numbers, Restart *restart,
              const CrewEvents *events, void *userdata);

/** crew_deinit() - end the processes; the jobs in them are done, with a failure. Copes with zeros
 */
void crew_deinit(Crew *crew);

/**
 * crew_get() - who takes a job now
 * @ret: the worker, which has room, or NULL if that must be waited for
 * @failure: filled in on a positive return
 *
 * Return: 0, or OUTCOME_PROCESS if there is no process to be had: do not wait.
 */
int crew_get(Crew *crew, Worker **ret, Failure *failure);

/** crew_flush() - write what the worker was sent since crew_get() */
void crew_flush(Crew *crew);

/** crew_rest() - end the processes, which must have no jobs */
void crew_rest(Crew *crew);

/** crew_replace() - give up all that have jobs, which fail with @reason */
void crew_replace(Crew *crew, const char *reason);
