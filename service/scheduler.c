/* SPDX-License-Identifier: MIT */

#include "scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "deadlines.h"
#include "hash.h"
#include "log.h"

/* How long past its own timeout mtr-packet may owe an answer before it counts as hung, in
 * microseconds. */
#define HUNG_USEC (2 * 1000 * 1000ULL)

/*
 * A process that is lost sooner than this after its start was no good. After two of them in a row
 * the next start waits, longer each time.
 */
#define QUICK_LOSS_USEC (5 * 1000 * 1000ULL)
#define PAUSE_FIRST_USEC (100 * 1000ULL)
#define PAUSE_MAX_USEC (5 * 1000 * 1000ULL)

struct SchedulerJob {
    PacketSlot slot;
    PacketCommand command;
    SchedulerJob *prev, *next; /* in `waiting`, while it has no token */
    Scheduler *scheduler;
    Deadline
        deadline; /* while it is in mtr-packet: until it is answered for, then until that hangs */
    uint64_t hung_usec;    /* when mtr-packet hangs if it has not answered */
    scheduler_done_t done; /* NULL once answered or dropped */
    void *userdata;
};

struct Scheduler {
    sd_event *event;
    char *packet_command;
    scheduler_started_t started;
    void *userdata;

    PacketProcess *process;       /* NULL until the first job, and after a loss */
    PacketProcess *lost;          /* one that is lost and not yet freed */
    sd_event_source *loss_source; /* on while `lost` is to be freed and what waits is to go on */

    SchedulerJob *waiting; /* in the order they came */
    Deadlines deadlines;   /* of jobs in mtr-packet */

    uint64_t started_usec;    /* when the last process was started */
    unsigned n_quick_losses;  /* in a row */
    uint64_t not_before_usec; /* when the next may be started */
    Failure last_loss;
};

/* Tells the job's owner, who is there no longer if the job was dropped or its timeout has passed.
 */
static void job_answer(SchedulerJob *job, const PacketReply *reply, const Failure *failure)
{
    scheduler_done_t done = job->done;

    job->done = NULL;
    if (done)
        done(job->userdata, reply, failure);
}

static void job_finish(SchedulerJob *job, const PacketReply *reply, const Failure *failure)
{
    deadlines_unset(&job->scheduler->deadlines, &job->deadline);
    job_answer(job, reply, failure);
    free(job);
}

static void on_slot_done(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    job_finish(CONTAINER_OF(slot, SchedulerJob, slot), reply, failure);
}

/* Ends a job that is in no process. */
static void job_fail(Scheduler *scheduler, SchedulerJob *job, const Failure *failure)
{
    DL_DELETE(scheduler->waiting, job);
    job_finish(job, NULL, failure);
}

static void fail_waiting(Scheduler *scheduler, const Failure *failure)
{
    while (scheduler->waiting)
        job_fail(scheduler, scheduler->waiting, failure);
}

static void on_process_ready(void *userdata);
static void on_process_room(void *userdata);
static void on_process_lost(void *userdata, bool at_start, const Failure *failure);

static const PacketProcessEvents process_events = {
    .ready = on_process_ready,
    .room = on_process_room,
    .lost = on_process_lost,
};

/*
 * Deadlines
 */

static void on_hung(Deadline *deadline)
{
    SchedulerJob *job = CONTAINER_OF(deadline, SchedulerJob, deadline);

    packet_process_fail(job->scheduler->process, "hangs: it owes an answer that was due 2 s ago");
}

/* The caller has waited long enough. mtr-packet still owes the answer, and the job keeps its place
 * there. */
static void on_timeout(Deadline *deadline)
{
    static const PacketReply no_reply = {.word = "no-reply"};
    SchedulerJob *job = CONTAINER_OF(deadline, SchedulerJob, deadline);

    /* Cannot fail: there is room for what was set a moment ago. */
    (void)deadlines_set(&job->scheduler->deadlines, deadline, job->hung_usec, on_hung);
    job_answer(job, &no_reply, NULL);
}

/* A probe's time runs from here: it is about to be written. */
static int job_set_deadline(SchedulerJob *job)
{
    Deadlines *deadlines = &job->scheduler->deadlines;
    uint64_t now = deadlines_now();

    if (job->command.kind != PACKET_SEND_PROBE)
        return deadlines_set(deadlines, &job->deadline, now + PACKET_PROCESS_ANSWER_USEC, on_hung);

    job->hung_usec = now + packet_command_seconds(&job->command) * 1000000ULL + HUNG_USEC;
    return deadlines_set(deadlines, &job->deadline, now + job->command.options.timeout_usec,
                         on_timeout);
}

/*
 * The process
 */

/* How long to wait after so many quick losses in a row, in microseconds. */
static uint64_t pause_after(unsigned n_quick_losses)
{
    uint64_t pause = n_quick_losses < 2 ? 0 : PAUSE_FIRST_USEC;

    for (unsigned i = 2; i < n_quick_losses && pause < PAUSE_MAX_USEC; i++)
        pause *= 2;
    return pause < PAUSE_MAX_USEC ? pause : PAUSE_MAX_USEC;
}

/* Remembers a loss, and puts the next start off if it was not the first of its kind. */
static void note_loss(Scheduler *scheduler, const Failure *failure)
{
    uint64_t now = deadlines_now();

    if (now - scheduler->started_usec >= QUICK_LOSS_USEC)
        scheduler->n_quick_losses = 0;
    else
        scheduler->n_quick_losses++;

    scheduler->not_before_usec = now + pause_after(scheduler->n_quick_losses);
    scheduler->last_loss = *failure;
}

/* Starts a process; what waits fails if there is none to be had. */
static void start_process(Scheduler *scheduler)
{
    uint64_t now = deadlines_now();
    Failure failure;
    int r;

    if (now < scheduler->not_before_usec) {
        failure_set(&failure, OUTCOME_PROCESS, "%s; it is not started again for another %.1f s",
                    scheduler->last_loss.message, (double)(scheduler->not_before_usec - now) / 1e6);
        fail_waiting(scheduler, &failure);
        return;
    }

    scheduler->started_usec = now;
    r = packet_process_new(&scheduler->process, scheduler->event, scheduler->packet_command,
                           &process_events, scheduler, &failure);
    if (r < 0)
        failure_set(&failure, OUTCOME_PROCESS, "mtr-packet cannot be started: %s", strerror(-r));
    if (r != 0) {
        log_message(LOG_ERR, "%s", failure.message);
        note_loss(scheduler, &failure);
        fail_waiting(scheduler, &failure);
    }
}

static int send_job(Scheduler *scheduler, SchedulerJob *job)
{
    int r;

    r = job_set_deadline(job);
    if (r >= 0)
        r = packet_process_send(scheduler->process, &job->slot, &job->command);
    return r;
}

/* Hands out what waits, as far as there is room for it. */
static void dispatch(Scheduler *scheduler)
{
    if (scheduler->waiting && !scheduler->process && !scheduler->lost)
        start_process(scheduler);

    while (scheduler->waiting && scheduler->process &&
           packet_process_has_room(scheduler->process)) {
        SchedulerJob *job = scheduler->waiting;

        if (send_job(scheduler, job) < 0) {
            Failure failure;

            failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
            job_fail(scheduler, job, &failure);
            continue;
        }
        DL_DELETE(scheduler->waiting, job);
    }
}

static void on_process_room(void *userdata)
{
    dispatch(userdata);
}

static void on_process_ready(void *userdata)
{
    Scheduler *scheduler = userdata;

    scheduler->started(scheduler->userdata, packet_process_support(scheduler->process));
    dispatch(scheduler);
}

static void on_process_lost(void *userdata, bool at_start, const Failure *failure)
{
    Scheduler *scheduler = userdata;

    assert(!scheduler->lost);
    note_loss(scheduler, failure);
    scheduler->lost = TAKE_PTR(scheduler->process);
    (void)sd_event_source_set_enabled(scheduler->loss_source, SD_EVENT_ONESHOT);

    /*
     * What waits did not die with the process, and goes to the next one; but where this one could
     * not even start, the next could not either, and would be tried for as long as somebody waits.
     */
    if (at_start)
        fail_waiting(scheduler, failure);
}

static int on_loss(sd_event_source *source, void *userdata)
{
    Scheduler *scheduler = userdata;

    scheduler->lost = packet_process_free(scheduler->lost);
    dispatch(scheduler);
    return 0;
}

int scheduler_new(Scheduler **ret, sd_event *event, const char *packet_command,
                  scheduler_started_t started, void *userdata)
{
    _cleanup_(scheduler_freep) Scheduler *scheduler = NULL;
    int r;

    scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler)
        return -ENOMEM;
    scheduler->event = event;
    scheduler->started = started;
    scheduler->userdata = userdata;
    scheduler->packet_command = strdup(packet_command);
    if (!scheduler->packet_command)
        return -ENOMEM;

    r = deadlines_init(&scheduler->deadlines, event, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = sd_event_add_defer(event, &scheduler->loss_source, on_loss, scheduler);
    if (r >= 0)
        r = sd_event_source_set_priority(scheduler->loss_source, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = sd_event_source_set_enabled(scheduler->loss_source, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(scheduler);
    return 0;
}

Scheduler *scheduler_free(Scheduler *scheduler)
{
    if (!scheduler)
        return NULL;

    assert(!scheduler->waiting);

    if (scheduler->process)
        packet_process_fail(scheduler->process, "is ended, the service stops");
    packet_process_free(scheduler->lost);
    deadlines_deinit(&scheduler->deadlines);
    sd_event_source_disable_unref(scheduler->loss_source);
    free(scheduler->packet_command);
    free(scheduler);
    return NULL;
}

int scheduler_submit(Scheduler *scheduler, SchedulerJob **ret, const PacketCommand *command,
                     scheduler_done_t done, void *userdata)
{
    SchedulerJob *job;

    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->slot.done = on_slot_done;
    job->scheduler = scheduler;
    job->command = *command;
    job->done = done;
    job->userdata = userdata;

    *ret = job;
    DL_APPEND(scheduler->waiting, job);
    dispatch(scheduler);
    return 0;
}

SchedulerJob *scheduler_drop(Scheduler *scheduler, SchedulerJob *job)
{
    if (!job)
        return NULL;

    if (job->slot.token != 0) {
        job->done = NULL;
    } else {
        DL_DELETE(scheduler->waiting, job);
        free(job);
    }
    return NULL;
}
