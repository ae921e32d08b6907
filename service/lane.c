/* SPDX-License-Identifier: MIT */

#include "lane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

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

struct LaneJob {
    PacketSlot slot;
    PacketCommand command;
    LaneJob *prev, *next; /* in `waiting`, while it has no token */
    Lane *lane;
    Deadline
        deadline; /* while it is in mtr-packet: until it is answered for, then until that hangs */
    uint64_t hung_usec; /* when mtr-packet hangs if it has not answered */
    lane_done_t done;   /* NULL once answered or dropped */
    void *userdata;
};

struct Lane {
    sd_event *event;
    const char *packet_command;
    lane_started_t started;
    void *userdata;

    PacketProcess *process;       /* NULL until the first job, and after a loss */
    PacketProcess *lost;          /* one that is lost and not yet freed */
    sd_event_source *loss_source; /* on while `lost` is to be freed and what waits is to go on */

    LaneJob *waiting;     /* in the order they came */
    Deadlines *deadlines; /* of jobs in mtr-packet; borrowed */

    uint64_t started_usec;    /* when the last process was started */
    unsigned n_quick_losses;  /* in a row */
    uint64_t not_before_usec; /* when the next may be started */
    Failure last_loss;
};

/* Tells the job's owner, who is there no longer if the job was dropped or its timeout has passed.
 */
static void job_answer(LaneJob *job, const PacketReply *reply, const Failure *failure)
{
    lane_done_t done = job->done;

    job->done = NULL;
    if (done)
        done(job->userdata, reply, failure);
}

static void job_finish(LaneJob *job, const PacketReply *reply, const Failure *failure)
{
    deadlines_unset(job->lane->deadlines, &job->deadline);
    job_answer(job, reply, failure);
    free(job);
}

static void on_slot_done(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    job_finish(CONTAINER_OF(slot, LaneJob, slot), reply, failure);
}

/* Ends a job that is in no process. */
static void job_fail(Lane *lane, LaneJob *job, const Failure *failure)
{
    DL_DELETE(lane->waiting, job);
    job_finish(job, NULL, failure);
}

static void fail_waiting(Lane *lane, const Failure *failure)
{
    while (lane->waiting)
        job_fail(lane, lane->waiting, failure);
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
    LaneJob *job = CONTAINER_OF(deadline, LaneJob, deadline);

    packet_process_fail(job->lane->process, "hangs: it owes an answer that was due 2 s ago");
}

/* The caller has waited long enough. mtr-packet still owes the answer, and the job keeps its place
 * there. */
static void on_timeout(Deadline *deadline)
{
    static const PacketReply no_reply = {.word = "no-reply"};
    LaneJob *job = CONTAINER_OF(deadline, LaneJob, deadline);
    uint64_t grace = deadlines_now() + HUNG_USEC;

    /*
     * Where this comes late, the machine or we stood still, and mtr-packet with us: it has its time
     * from now. Cannot fail: there is room for what was set a moment ago.
     */
    (void)deadlines_set(job->lane->deadlines, deadline,
                        job->hung_usec > grace ? job->hung_usec : grace, on_hung);
    job_answer(job, &no_reply, NULL);
}

/* A probe's time runs from here: it is about to be written. */
static int job_set_deadline(LaneJob *job)
{
    Deadlines *deadlines = job->lane->deadlines;
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
static void note_loss(Lane *lane, const Failure *failure)
{
    uint64_t now = deadlines_now();

    if (now - lane->started_usec >= QUICK_LOSS_USEC)
        lane->n_quick_losses = 0;
    else
        lane->n_quick_losses++;

    lane->not_before_usec = now + pause_after(lane->n_quick_losses);
    lane->last_loss = *failure;
}

/* Starts a process; what waits fails if there is none to be had. */
static void start_process(Lane *lane)
{
    uint64_t now = deadlines_now();
    Failure failure;
    int r;

    if (now < lane->not_before_usec) {
        failure_set(&failure, OUTCOME_PROCESS, "%s; it is not started again for another %.1f s",
                    lane->last_loss.message, (double)(lane->not_before_usec - now) / 1e6);
        fail_waiting(lane, &failure);
        return;
    }

    lane->started_usec = now;
    r = packet_process_new(&lane->process, lane->event, lane->packet_command, &process_events, lane,
                           &failure);
    if (r < 0)
        failure_set(&failure, OUTCOME_PROCESS, "mtr-packet cannot be started: %s", strerror(-r));
    if (r != 0) {
        log_message(LOG_ERR, "%s", failure.message);
        note_loss(lane, &failure);
        fail_waiting(lane, &failure);
    }
}

static int send_job(Lane *lane, LaneJob *job)
{
    int r;

    r = job_set_deadline(job);
    if (r >= 0)
        r = packet_process_send(lane->process, &job->slot, &job->command);
    return r;
}

/* Hands out what waits, as far as there is room for it. */
static void dispatch(Lane *lane)
{
    if (lane->waiting && !lane->process && !lane->lost)
        start_process(lane);

    while (lane->waiting && lane->process && packet_process_has_room(lane->process)) {
        LaneJob *job = lane->waiting;

        if (send_job(lane, job) < 0) {
            Failure failure;

            failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
            job_fail(lane, job, &failure);
            continue;
        }
        DL_DELETE(lane->waiting, job);
    }
}

static void on_process_room(void *userdata)
{
    dispatch(userdata);
}

static void on_process_ready(void *userdata)
{
    Lane *lane = userdata;

    lane->started(lane->userdata, packet_process_support(lane->process));
    dispatch(lane);
}

static void on_process_lost(void *userdata, bool at_start, const Failure *failure)
{
    Lane *lane = userdata;

    assert(!lane->lost);
    note_loss(lane, failure);
    lane->lost = TAKE_PTR(lane->process);
    (void)sd_event_source_set_enabled(lane->loss_source, SD_EVENT_ONESHOT);

    /*
     * What waits did not die with the process, and goes to the next one; but where this one could
     * not even start, the next could not either, and would be tried for as long as somebody waits.
     */
    if (at_start)
        fail_waiting(lane, failure);
}

static int on_loss(sd_event_source *source, void *userdata)
{
    Lane *lane = userdata;

    lane->lost = packet_process_free(lane->lost);
    dispatch(lane);
    return 0;
}

int lane_new(Lane **ret, sd_event *event, Deadlines *deadlines, const char *packet_command,
             lane_started_t started, void *userdata)
{
    _cleanup_(lane_freep) Lane *lane = NULL;
    int r;

    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return -ENOMEM;
    lane->event = event;
    lane->deadlines = deadlines;
    lane->packet_command = packet_command;
    lane->started = started;
    lane->userdata = userdata;

    r = sd_event_add_defer(event, &lane->loss_source, on_loss, lane);
    if (r >= 0)
        r = sd_event_source_set_priority(lane->loss_source, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = sd_event_source_set_enabled(lane->loss_source, SD_EVENT_OFF);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(lane);
    return 0;
}

Lane *lane_free(Lane *lane)
{
    if (!lane)
        return NULL;

    assert(!lane->waiting);

    if (lane->process)
        packet_process_fail(lane->process, "is ended, the service stops");
    packet_process_free(lane->lost);
    sd_event_source_disable_unref(lane->loss_source);
    free(lane);
    return NULL;
}

int lane_submit(Lane *lane, LaneJob **ret, const PacketCommand *command, lane_done_t done,
                void *userdata)
{
    LaneJob *job;

    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->slot.done = on_slot_done;
    job->lane = lane;
    job->command = *command;
    job->done = done;
    job->userdata = userdata;

    *ret = job;
    DL_APPEND(lane->waiting, job);
    dispatch(lane);
    return 0;
}

LaneJob *lane_drop(LaneJob *job)
{
    if (!job)
        return NULL;

    if (job->slot.token != 0) {
        job->done = NULL;
    } else {
        DL_DELETE(job->lane->waiting, job);
        free(job);
    }
    return NULL;
}
