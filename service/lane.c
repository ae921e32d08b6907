/* SPDX-License-Identifier: MIT */

#include "lane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "crew.h"
#include "hash.h"

struct Lane {
    Workplace *workplace;
    lane_quiet_t quiet;
    void *userdata;
    bool open; /* else jobs only wait */
    Crew crew;
    FairQueue waiting;
    unsigned n_jobs; /* wherever they are */
    unsigned n_in_process;
};

/*
 * Jobs
 */

/* Ends a job that is nowhere. */
static void finish(Lane *lane, Job *job, const PacketReply *reply, const Failure *failure)
{
    udp_turns_leave(&lane->workplace->turns, &job->ticket);
    if (job->n_sent == 0)
        lane->workplace->n_queued -= job_is_probe(job);
    lane->n_jobs--;
    job_answer(job, reply, failure);
    job_free(job);

    if (lane->quiet && lane->n_in_process == 0 && (lane->n_jobs == 0 || !lane->open))
        lane->quiet(lane->userdata);
}

static void fail(Lane *lane, Job *job, const Failure *failure)
{
    job->place = JOB_NOWHERE;
    finish(lane, job, NULL, failure);
}

static void fail_no_memory(Lane *lane, Job *job)
{
    Failure failure;

    failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
    fail(lane, job, &failure);
}

/*
 * From the crew
 */

static void on_failed(void *userdata, const Failure *failure)
{
    Lane *lane = userdata;
    FairItem *item;

    while ((item = fair_queue_first(&lane->waiting))) {
        fair_queue_remove(&lane->waiting, item);
        fail(lane, CONTAINER_OF(item, Job, item), failure);
    }
}

static void on_room(void *userdata)
{
    lane_dispatch(userdata);
}

static void on_done(void *userdata, Job *job, const PacketReply *reply, const Failure *failure)
{
    Lane *lane = userdata;

    lane->n_in_process--;
    finish(lane, job, reply, failure);
}

static const CrewEvents crew_events = {
    .room = on_room,
    .done = on_done,
    .failed = on_failed,
};

/*
 * To the crew
 */

static bool may_take(void *userdata, uid_t uid)
{
    return worker_may_take(userdata, uid);
}

/* UDP probes with a fixed port have a turn to wait for. */
static int enter_turn(Lane *lane, Worker *worker, Job *job)
{
    const ProbeOptions *options = &job->command.options;

    if (!job_is_probe(job) || options->protocol != PROBE_UDP ||
        (options->port == PROBE_OPTION_UNSET && options->local_port == PROBE_OPTION_UNSET))
        return 1;
    return udp_turns_enter(&lane->workplace->turns, &job->ticket, &job->command.target, worker);
}

static void note_sent(Lane *lane, const Job *job)
{
    lane->n_in_process++;
    lane->workplace->n_queued -= job_is_probe(job);
}

static void send_job(Lane *lane, Worker *worker, Job *job)
{
    int r;

    r = enter_turn(lane, worker, job);
    if (r == 0) {
        job->place = JOB_AWAITS_TURN;
        return;
    }
    if (r > 0)
        r = worker_send(worker, job);
    if (r < 0)
        fail_no_memory(lane, job);
    else
        note_sent(lane, job);
}

void lane_dispatch(Lane *lane)
{
    while (lane->open && !fair_queue_empty(&lane->waiting)) {
        FairItem *item = NULL;
        Failure failure;
        Worker *worker;

        if (crew_get(&lane->crew, &worker, &failure) != 0) {
            on_failed(lane, &failure);
            break;
        }
        if (worker)
            item = fair_queue_take(&lane->waiting, may_take, worker);
        if (!item)
            break;
        send_job(lane, worker, CONTAINER_OF(item, Job, item));
    }
    crew_flush(&lane->crew);
}

/*
 * From above
 */

int lane_new(Lane **ret, Workplace *workplace, NumbersKind numbers, Restart *restart,
             lane_quiet_t quiet, void *userdata)
{
    _cleanup_(lane_freep) Lane *lane = NULL;
    int r;

    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return -ENOMEM;
    lane->workplace = workplace;
    lane->quiet = quiet;
    lane->userdata = userdata;
    lane->open = true;

    r = crew_init(&lane->crew, workplace, numbers, restart, &crew_events, lane);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(lane);
    return 0;
}

Lane *lane_free(Lane *lane)
{
    if (!lane)
        return NULL;

    assert(fair_queue_empty(&lane->waiting));
    lane->quiet = NULL;
    crew_deinit(&lane->crew);
    free(lane);
    return NULL;
}

/* Answers a question that the process has answered before. */
static bool answer_known(Lane *lane, Job *job)
{
    PacketReply reply = {.word = "feature-support", .n_arguments = 1};
    bool supported;

    if (job_is_probe(job) || !lane->crew.worker ||
        !worker_knows(lane->crew.worker, job->command.feature, &supported))
        return false;

    reply.arguments[0] = (PacketArgument){"support", supported ? "ok" : "no"};
    lane->n_jobs++;
    finish(lane, job, &reply, NULL);
    return true;
}

int lane_submit(Lane *lane, Job *job)
{
    int r;

    job->lane = lane;
    if (answer_known(lane, job))
        return 0;

    r = fair_queue_append(&lane->waiting, &job->item, job->uid);
    if (r < 0)
        return r;
    job->place = JOB_IN_QUEUE;
    lane->n_jobs++;
    lane->workplace->n_queued += job_is_probe(job);
    lane_dispatch(lane);
    return 0;
}

void lane_drop(Job *job)
{
    Lane *lane = job->lane;

    job->done = NULL;
    if (job->place == JOB_IN_PROCESS)
        return;
    if (job->place == JOB_IN_QUEUE)
        fair_queue_remove(&lane->waiting, &job->item);
    job->place = JOB_NOWHERE;
    finish(lane, job, NULL, NULL);
}

void lane_put_back(Job *job)
{
    job->place = JOB_IN_QUEUE;
    if (fair_queue_put_back(&job->lane->waiting, &job->item, job->uid) < 0)
        fail_no_memory(job->lane, job);
}

void lane_set_open(Lane *lane, bool open)
{
    lane->open = open;
    if (open)
        lane_dispatch(lane);
}

void lane_rest(Lane *lane)
{
    crew_rest(&lane->crew);
}

void lane_replace(Lane *lane, const char *reason)
{
    crew_replace(&lane->crew, reason);
}

bool lane_in_process(const Lane *lane)
{
    return lane->n_in_process > 0;
}

bool lane_unused(const Lane *lane)
{
    return lane->n_jobs == 0;
}
