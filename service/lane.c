/* SPDX-License-Identifier: MIT */

#include "lane.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "hash.h"
#include "log.h"
#include "restart.h"

struct Lane {
    Workplace *workplace;
    LaneKind kind;
    lane_quiet_t quiet;
    void *userdata;
    bool open;      /* else jobs only wait */
    bool replacing; /* what is lost now is lost through no fault of its own */

    Worker *worker; /* that takes jobs; NULL until the first job, and after a loss */
    Worker *retiring[LANE_RETIRING_MAX]; /* that take no more */
    unsigned n_retiring;
    Worker *ended[LANE_RETIRING_MAX + 1]; /* to be freed */
    unsigned n_ended;
    unsigned range;              /* of numbers, that the last process has */
    sd_event_source *end_source; /* on while there are such, and what waits is to go on */

    FairQueue waiting;
    unsigned n_jobs; /* wherever they are */
    unsigned n_in_process;
    Restart restart;
};

/*
 * Jobs
 */

/* Ends a job that is nowhere. */
static void finish(Lane *lane, Job *job, const PacketReply *reply, const Failure *failure)
{
    udp_turns_leave(&lane->workplace->turns, &job->ticket);
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

static void fail_waiting(Lane *lane, const Failure *failure)
{
    FairItem *item;

    while ((item = fair_queue_first(&lane->waiting))) {
        fair_queue_remove(&lane->waiting, item);
        fail(lane, CONTAINER_OF(item, Job, item), failure);
    }
}

static void fail_no_memory(Lane *lane, Job *job)
{
    Failure failure;

    failure_set(&failure, OUTCOME_NO_MEMORY, "out of memory");
    fail(lane, job, &failure);
}

/*
 * The process
 */

static void on_room(void *userdata, Worker *worker);
static void on_done(void *userdata, Worker *worker, Job *job, const PacketReply *reply,
                    const Failure *failure);
static void on_lost(void *userdata, Worker *worker, bool at_start, const Failure *failure);

static const WorkerEvents worker_events = {
    .room = on_room,
    .done = on_done,
    .lost = on_lost,
};

static bool is_retiring(const Lane *lane, const Numbers *numbers)
{
    for (unsigned i = 0; i < lane->n_retiring; i++)
        if (worker_numbers(lane->retiring[i])->skip == numbers->skip)
            return true;
    return false;
}

/*
 * The numbers for another process beside those that retire. Where there are several ranges they
 * take turns: so what is still on its way to a process that was lost finds nobody.
 */
static Numbers next_numbers(Lane *lane)
{
    Numbers numbers = {.life = NUMBERS_SHARED_LIFE};

    if (lane->kind == LANE_SHARED_NUMBERS)
        return numbers;

    numbers.life = NUMBERS_OWN_LIFE;
    do {
        lane->range = (lane->range + 1) % NUMBERS_OWN_RANGES;
        numbers.skip = NUMBERS_SHARED_LIFE + lane->range * NUMBERS_OWN_SIZE;
    } while (is_retiring(lane, &numbers)); /* never all, see retiring_max() */
    return numbers;
}

/* How many processes may retire at a time: another must have numbers. */
static unsigned retiring_max(const Lane *lane)
{
    return lane->kind == LANE_SHARED_NUMBERS ? LANE_RETIRING_MAX : NUMBERS_OWN_RANGES - 1;
}

/* Starts a process; what waits fails if there is none to be had. */
static void start(Lane *lane)
{
    Failure failure;
    Numbers numbers;
    int r;

    r = restart_begin(&lane->restart, &failure);
    if (r != 0) {
        fail_waiting(lane, &failure);
        return;
    }

    numbers = next_numbers(lane);
    r = worker_new(&lane->worker, lane->workplace, &numbers, &worker_events, lane, &failure);
    if (r < 0)
        failure_set(&failure, OUTCOME_PROCESS, "mtr-packet cannot be started: %s", strerror(-r));
    if (r != 0) {
        log_message(LOG_ERR, "%s", failure.message);
        restart_note_loss(&lane->restart, &failure);
        fail_waiting(lane, &failure);
    }
}

/* Lets go of a worker that has no jobs, or no process any more; whoever told us stands on it
 * still. */
static void end_worker(Lane *lane, Worker *worker)
{
    if (worker == lane->worker) {
        lane->worker = NULL;
    } else {
        unsigned i = 0;

        while (lane->retiring[i] != worker)
            i++;
        lane->retiring[i] = lane->retiring[--lane->n_retiring];
    }

    lane->ended[lane->n_ended++] = worker;
    (void)sd_event_source_set_enabled(lane->end_source, SD_EVENT_ONESHOT);
}

static void free_ended(Lane *lane)
{
    while (lane->n_ended > 0)
        worker_free(lane->ended[--lane->n_ended]);
}

static int on_ended(sd_event_source *source, void *userdata)
{
    Lane *lane = userdata;

    free_ended(lane);
    lane_dispatch(lane);
    return 0;
}

static void on_lost(void *userdata, Worker *worker, bool at_start, const Failure *failure)
{
    Lane *lane = userdata;

    if (worker == lane->worker && !lane->replacing)
        restart_note_loss(&lane->restart, failure);
    end_worker(lane, worker);

    /*
     * What waits did not die with the process, and goes to the next one; but where this one could
     * not even start, the next could not either, and would be tried for as long as somebody waits.
     */
    if (at_start)
        fail_waiting(lane, failure);
}

/* There is one of the few places for old workers: this one takes no more jobs. */
static void retire(Lane *lane)
{
    Worker *worker = TAKE_PTR(lane->worker);

    lane->retiring[lane->n_retiring++] = worker;
    if (worker_idle(worker))
        end_worker(lane, worker);
}

/* Whether the worker takes a job now; one that has had its time makes place for another first, if
 * there is a place for itself. */
static bool find_room(Lane *lane)
{
    if (lane->worker && worker_used_up(lane->worker)) {
        if (lane->n_retiring == retiring_max(lane))
            return false;
        retire(lane);
    }

    /* Not beside one that was lost and is not gone yet. */
    if (!lane->worker && lane->n_ended == 0)
        start(lane);
    return lane->worker && worker_has_room(lane->worker);
}

static bool may_take(void *userdata, uid_t uid)
{
    const Lane *lane = userdata;

    return worker_may_take(lane->worker, uid);
}

/* UDP probes with a fixed port have a turn to wait for. */
static int enter_turn(Lane *lane, Job *job)
{
    const ProbeOptions *options = &job->command.options;

    if (!job_is_probe(job) || options->protocol != PROBE_UDP ||
        (options->port == PROBE_OPTION_UNSET && options->local_port == PROBE_OPTION_UNSET))
        return 1;
    return udp_turns_enter(&lane->workplace->turns, &job->ticket, &job->command.target,
                           lane->worker);
}

static void send_job(Lane *lane, Job *job)
{
    int r;

    r = enter_turn(lane, job);
    if (r == 0) {
        job->place = JOB_AWAITS_TURN;
        return;
    }
    if (r > 0)
        r = worker_send(lane->worker, job);
    if (r < 0)
        fail_no_memory(lane, job);
    else
        lane->n_in_process++;
}

void lane_dispatch(Lane *lane)
{
    while (lane->open && !fair_queue_empty(&lane->waiting) && find_room(lane)) {
        FairItem *item = fair_queue_take(&lane->waiting, may_take, lane);

        if (!item)
            break;
        send_job(lane, CONTAINER_OF(item, Job, item));
    }
}

static void on_room(void *userdata, Worker *worker)
{
    Lane *lane = userdata;

    if (worker == lane->worker)
        lane_dispatch(lane);
}

static void on_done(void *userdata, Worker *worker, Job *job, const PacketReply *reply,
                    const Failure *failure)
{
    Lane *lane = userdata;

    lane->n_in_process--;
    finish(lane, job, reply, failure);

    /* A failure is followed by the news that the worker is lost. */
    if (reply && worker != lane->worker && worker_idle(worker))
        end_worker(lane, worker);
}

/*
 * From above
 */

int lane_new(Lane **ret, Workplace *workplace, LaneKind kind, lane_quiet_t quiet, void *userdata)
{
    _cleanup_(lane_freep) Lane *lane = NULL;
    int r;

    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return -ENOMEM;
    lane->workplace = workplace;
    lane->kind = kind;
    lane->quiet = quiet;
    lane->userdata = userdata;
    lane->open = true;
    lane->range = NUMBERS_OWN_RANGES - 1; /* the first comes next */

    r = sd_event_add_defer(workplace->event, &lane->end_source, on_ended, lane);
    if (r >= 0)
        r = sd_event_source_set_priority(lane->end_source, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = sd_event_source_set_enabled(lane->end_source, SD_EVENT_OFF);
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
    while (lane->n_retiring > 0)
        worker_free(lane->retiring[--lane->n_retiring]);
    worker_free(lane->worker);
    free_ended(lane);
    sd_event_source_disable_unref(lane->end_source);
    free(lane);
    return NULL;
}

/* Answers a question that the process has answered before. */
static bool answer_known(Lane *lane, Job *job)
{
    PacketReply reply = {.word = "feature-support", .n_arguments = 1};
    bool supported;

    if (job_is_probe(job) || !lane->worker ||
        !worker_knows(lane->worker, job->command.feature, &supported))
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
    assert(lane->n_in_process == 0);
    if (lane->worker)
        end_worker(lane, lane->worker);
    free_ended(lane);
}

void lane_replace(Lane *lane, const char *reason)
{
    lane->replacing = true;
    for (unsigned i = lane->n_retiring; i > 0; i--)
        worker_fail(lane->retiring[i - 1], reason); /* its place is filled from behind */
    if (lane->worker && !worker_idle(lane->worker))
        worker_fail(lane->worker, reason);
    lane->replacing = false;
}

bool lane_in_process(const Lane *lane)
{
    return lane->n_in_process > 0;
}

bool lane_unused(const Lane *lane)
{
    return lane->n_jobs == 0;
}
