/* SPDX-License-Identifier: MIT */

#include "scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "hash.h"
#include "log.h"

struct SchedulerJob {
    PacketSlot slot;
    PacketCommand command;
    SchedulerJob *prev, *next; /* in `waiting`, while it has no token */
    scheduler_done_t done;     /* NULL once dropped */
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
};

static void job_finish(SchedulerJob *job, const PacketReply *reply, const Failure *failure)
{
    if (job->done)
        job->done(job->userdata, reply, failure);
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

/* Starts a process; what waits fails if there is none to be had. */
static void start_process(Scheduler *scheduler)
{
    Failure failure;
    int r;

    r = packet_process_new(&scheduler->process, scheduler->event, scheduler->packet_command,
                           &process_events, scheduler, &failure);
    if (r < 0)
        failure_set(&failure, OUTCOME_PROCESS, "mtr-packet cannot be started: %s", strerror(-r));
    if (r != 0) {
        log_message(LOG_ERR, "%s", failure.message);
        fail_waiting(scheduler, &failure);
    }
}

/* Hands out what waits, as far as there is room for it. */
static void dispatch(Scheduler *scheduler)
{
    if (scheduler->waiting && !scheduler->process && !scheduler->lost)
        start_process(scheduler);

    while (scheduler->waiting && scheduler->process &&
           packet_process_has_room(scheduler->process)) {
        SchedulerJob *job = scheduler->waiting;
        int r;

        r = packet_process_send(scheduler->process, &job->slot, &job->command);
        if (r < 0) {
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

    r = sd_event_add_defer(event, &scheduler->loss_source, on_loss, scheduler);
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
