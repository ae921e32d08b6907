/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One mtr-packet at work: the process, the jobs in it with their deadlines, and what each user
 * holds of its places. It takes care of what a process must not be trusted with: to answer on time,
 * to keep its numbers apart, and to have an id of its own.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "deadlines.h"
#include "job.h"
#include "numbers.h"
#include "outcome.h"
#include "packet-ids.h"
#include "packet-process.h"
#include "statistics.h"
#include "udp-turns.h"
#include "util.h"

typedef void (*worker_started_t)(void *userdata, const PacketSupport *support);

/* What all workers share; its owner fills it in. */
typedef struct Workplace {
    sd_event *event;
    const char *packet_command; /* see packet_spawn() */
    unsigned burst;             /* see pace.h */
    Deadlines deadlines;        /* of the jobs in processes, and of lanes */
    UdpTurns turns;
    Statistics *statistics;
    worker_started_t started; /* told each time that a process is ready */
    void *userdata;
    Worker *workers;      /* all there are; they register themselves */
    PacketIds ids;        /* of those that there were */
    unsigned n_in_flight; /* probes in all of them */
    unsigned n_queued;    /* and before them */
} Workplace;

typedef struct WorkerEvents {
    /* It takes jobs from now on, or again; or it is used up. */
    void (*room)(void *userdata, Worker *worker);
    /* A job is out: answer it, and it is freed by whoever is told. */
    void (*done)(void *userdata, Worker *worker, Job *job, const PacketReply *reply,
                 const Failure *failure);
    /* The process is gone, and its jobs have failed. Free the worker, but not from here. @at_start:
     * it never took any. */
    void (*lost)(void *userdata, Worker *worker, bool at_start, const Failure *failure);
} WorkerEvents;

/**
 * worker_new() - start a process
 * @ret: the worker, only on success
 * @workplace: borrowed for its whole life
 * @numbers: what the process has of them; copied
 * @events, @userdata: who is told; borrowed for its whole life. No event comes before this function
 * has returned.
 * @failure: filled in on a positive return
 *
 * Its process id is told from those of all others in the workplace, and of those that have ended a
 * short while ago, by the low 16 bits, which is all that packets have of it.
 *
 * Return: 0, OUTCOME_PROCESS if there is no process to be had, or a negative errno.
 */
int worker_new(Worker **ret, Workplace *workplace, const Numbers *numbers,
               const WorkerEvents *events, void *userdata, Failure *failure);

/** worker_free() - kill the process; jobs in it fail. Takes NULL, returns NULL */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free)

/** worker_fail() - give the process up: its jobs fail with OUTCOME_PROCESS and @reason, then it is
 * lost */
void worker_fail(Worker *worker, const char *reason);

/** worker_has_room() - whether worker_send() may be called, for a user who may take a place */
bool worker_has_room(const Worker *worker);

/** worker_may_take() - whether this user may take a place, see shares.h */
bool worker_may_take(const Worker *worker, uid_t uid);

/**
 * worker_send() - give the process a job, with the next worker_flush(); its deadline runs from here
 *
 * Return: 0 or -ENOMEM, when the job is where it was.
 */
int worker_send(Worker *worker, Job *job);

/** worker_flush() - write what was sent */
void worker_flush(Worker *worker);

/** worker_numbers() - what the process has of them */
const Numbers *worker_numbers(const Worker *worker);

/** worker_used() - how many of those it has used */
unsigned worker_used(const Worker *worker);

/** worker_used_up() - whether it has used its numbers up, and must not be given any more jobs */
bool worker_used_up(const Worker *worker);

/** worker_idle() - whether it has no jobs */
bool worker_idle(const Worker *worker);

/** worker_knows() - whether it has answered this question before; then @ret_supported is what */
bool worker_knows(const Worker *worker, const char *feature, bool *ret_supported);
