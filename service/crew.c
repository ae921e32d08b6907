/* SPDX-License-Identifier: MIT */

#include "crew.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

#include "deadlines.h"
#include "log.h"
#include "port-sample.h"

static void on_room(void *userdata, Worker *worker);
static void on_done(void *userdata, Worker *worker, Job *job, const PacketReply *reply,
                    const Failure *failure);
static void on_lost(void *userdata, Worker *worker, bool at_start, const Failure *failure);

static const WorkerEvents worker_events = {
    .room = on_room,
    .done = on_done,
    .lost = on_lost,
};

/*
 * The end
 */

/* Where in its range the next process begins: at the beginning, unless this one was lost early. */
static void note_used(Crew *crew, const Worker *worker)
{
    unsigned range = worker_numbers(worker)->range;

    if (crew->numbers == NUMBERS_SHARED)
        return;
    crew->used[range] += worker_used(worker);
    if (crew->used[range] > NUMBERS_OWN_LIFE / 2)
        crew->used[range] = 0;
}

/* Lets go of a worker that has no jobs, or no process any more; whoever told us stands on it
 * still. */
static void end_worker(Crew *crew, Worker *worker)
{
    if (worker == crew->worker) {
        crew->worker = NULL;
    } else {
        unsigned i = 0;

        while (crew->retiring[i] != worker)
            i++;
        crew->retiring[i] = crew->retiring[--crew->n_retiring];
    }

    note_used(crew, worker);
    crew->ended[crew->n_ended++] = worker;
    (void)sd_event_source_set_enabled(crew->end_source, SD_EVENT_ONESHOT);
}

static void free_ended(Crew *crew)
{
    while (crew->n_ended > 0)
        worker_free(crew->ended[--crew->n_ended]);
}

static int on_ended(sd_event_source *source, void *userdata)
{
    Crew *crew = userdata;

    free_ended(crew);
    crew->events->room(crew->userdata);
    return 0;
}

static bool has_ended(const Crew *crew, const Worker *worker)
{
    for (unsigned i = 0; i < crew->n_ended; i++)
        if (crew->ended[i] == worker)
            return true;
    return false;
}

static void on_lost(void *userdata, Worker *worker, bool at_start, const Failure *failure)
{
    Crew *crew = userdata;

    /* It had no jobs any more, and was about to be freed: what it does before that is no matter. */
    if (has_ended(crew, worker))
        return;

    if (worker == crew->worker && !crew->replacing)
        restart_note_loss(crew->restart, deadlines_now(), failure);
    end_worker(crew, worker);

    /*
     * What waits did not die with the process, and goes to the next one; but where this one could
     * not even start, the next could not either, and would be tried for as long as somebody waits.
     */
    if (at_start)
        crew->events->failed(crew->userdata, failure);
}

/* How many processes may retire at a time: another must have numbers. */
static unsigned retiring_max(const Crew *crew)
{
    return crew->numbers == NUMBERS_SHARED ? CREW_RETIRING_MAX : NUMBERS_OWN_RANGES - 1;
}

/* The worker takes no more jobs, and ends when it has none. False if there are too many such. */
static bool retire(Crew *crew)
{
    if (worker_idle(crew->worker)) {
        end_worker(crew, crew->worker);
        return true;
    }
    if (crew->n_retiring == retiring_max(crew))
        return false;
    worker_flush(crew->worker);
    crew->retiring[crew->n_retiring++] = TAKE_PTR(crew->worker);
    return true;
}

static void on_done(void *userdata, Worker *worker, Job *job, const PacketReply *reply,
                    const Failure *failure)
{
    Crew *crew = userdata;

    crew->events->done(crew->userdata, job, reply, failure);

    /* A failure is followed by the news that the worker is lost. */
    if (reply && worker != crew->worker && worker_idle(worker))
        end_worker(crew, worker);
}

static void on_room(void *userdata, Worker *worker)
{
    Crew *crew = userdata;

    if (worker == crew->worker)
        crew->events->room(crew->userdata);
}

/*
 * The beginning
 */

static bool is_retiring(const Crew *crew, unsigned range)
{
    for (unsigned i = 0; i < crew->n_retiring; i++)
        if (worker_numbers(crew->retiring[i])->range == range)
            return true;
    return false;
}

/* How many probes a process may be given that begins behind @used numbers of a range: as many as
 * surely have a place there among the ports that others have. */
static unsigned own_life(unsigned range, unsigned used)
{
    uint16_t first = (uint16_t)(NUMBERS_FIRST + NUMBERS_SHARED_LIFE + range * NUMBERS_OWN_SIZE);
    double free_share = 1 - port_sample(first, (uint16_t)(first + NUMBERS_OWN_SIZE - 1));
    unsigned left = NUMBERS_OWN_SIZE - used;
    unsigned life = (unsigned)(0.9 * free_share * left);

    if (life > NUMBERS_OWN_LIFE - used)
        life = NUMBERS_OWN_LIFE - used;
    return life > NUMBERS_OWN_LIFE_MIN ? life : NUMBERS_OWN_LIFE_MIN;
}

/*
 * The numbers for another process beside those that retire. Where there are several ranges they
 * take turns, and a process begins behind the one before it that was lost: so what is still on its
 * way to that finds nobody.
 */
static Numbers next_numbers(Crew *crew)
{
    Numbers numbers = {.life = NUMBERS_SHARED_LIFE};

    if (crew->numbers == NUMBERS_SHARED)
        return numbers;

    do
        crew->range = (crew->range + 1) % NUMBERS_OWN_RANGES;
    while (is_retiring(crew, crew->range)); /* never all, see retiring_max() */

    numbers.range = crew->range;
    numbers.skip = NUMBERS_SHARED_LIFE + crew->range * NUMBERS_OWN_SIZE + crew->used[crew->range];
    numbers.life = own_life(crew->range, crew->used[crew->range]);
    return numbers;
}

static int start(Crew *crew, Failure *failure)
{
    Numbers numbers;
    int r;

    r = restart_begin(crew->restart, deadlines_now(), failure);
    if (r != 0)
        return r;

    numbers = next_numbers(crew);
    r = worker_new(&crew->worker, crew->workplace, &numbers, &worker_events, crew, failure);
    if (r < 0)
        r = failure_set(failure, OUTCOME_PROCESS, "mtr-packet cannot be started: %s", strerror(-r));
    if (r != 0) {
        log_message(LOG_ERR, "%s", failure->message);
        restart_note_loss(crew->restart, deadlines_now(), failure);
    }
    return r;
}

int crew_get(Crew *crew, Worker **ret, Failure *failure)
{
    *ret = NULL;

    if (crew->worker && worker_used_up(crew->worker) && !retire(crew))
        return 0;

    /* Not beside one that was lost and is not gone yet. */
    if (!crew->worker && crew->n_ended == 0) {
        int r = start(crew, failure);

        if (r != 0)
            return r;
    }

    if (crew->worker && worker_has_room(crew->worker))
        *ret = crew->worker;
    return 0;
}

void crew_flush(Crew *crew)
{
    if (crew->worker)
        worker_flush(crew->worker);
}

int crew_init(Crew *crew, Workplace *workplace, NumbersKind numbers, Restart *restart,
              const CrewEvents *events, void *userdata)
{
    int r;

    crew->workplace = workplace;
    crew->numbers = numbers;
    crew->restart = restart;
    crew->events = events;
    crew->userdata = userdata;
    crew->range = NUMBERS_OWN_RANGES - 1; /* the first comes next */

    r = sd_event_add_defer(workplace->event, &crew->end_source, on_ended, crew);
    if (r >= 0)
        r = sd_event_source_set_priority(crew->end_source, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = sd_event_source_set_enabled(crew->end_source, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void crew_deinit(Crew *crew)
{
    while (crew->n_retiring > 0)
        worker_free(crew->retiring[--crew->n_retiring]);
    crew->worker = worker_free(crew->worker);
    free_ended(crew);
    crew->end_source = sd_event_source_disable_unref(crew->end_source);
}

void crew_rest(Crew *crew)
{
    assert(!crew->worker || worker_idle(crew->worker));
    crew->worker = worker_free(crew->worker);
    free_ended(crew);
}

void crew_replace(Crew *crew, const char *reason)
{
    crew->replacing = true;
    for (unsigned i = crew->n_retiring; i > 0; i--)
        worker_fail(crew->retiring[i - 1], reason); /* its place is filled from behind */
    if (crew->worker && !worker_idle(crew->worker))
        worker_fail(crew->worker, reason);
    crew->replacing = false;
}
