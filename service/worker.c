/* SPDX-License-Identifier: MIT */

#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "answers.h"
#include "hash.h"
#include "log.h"
#include "number-use.h"
#include "pace.h"
#include "shares.h"

/* How long past its own timeout mtr-packet may owe an answer before it counts as hung, in
 * microseconds. */
#define HUNG_USEC (2 * 1000 * 1000ULL)

/* Tries for a process id whose low 16 bits are nobody else's. */
#define PID_TRIES 8

/* How often a probe is sent while its answer may be misread. One in a hundred is. */
#define SENT_MAX 4

/* What counts of a probe whose size was not given: mtr-packet's own default. */
#define PROBE_SIZE 64

struct Worker {
    Workplace *workplace;
    Worker *prev, *next; /* in workplace->workers */
    PacketProcess *process;
    const WorkerEvents *events;
    void *userdata;

    NumberUse use; /* of its numbers */
    PacketSlot look_slot;
    Shares shares; /* of places for jobs */
    Pace pace;
    Job *again; /* those to be sent again, in this order; they keep their places */
    Answers answers;
};

/*
 * Numbers
 */

static void on_looked(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    number_use_looked(&CONTAINER_OF(slot, Worker, look_slot)->use);
}

/* Looks where the process is among its numbers, if it is time to. */
static void look(Worker *worker)
{
    const PacketCommand *command;

    if (worker->look_slot.token != 0)
        return;
    command = number_use_look(&worker->use, worker->workplace->event, PACKET_PRIORITY_SIGHT);
    if (command && packet_process_send(worker->process, &worker->look_slot, command) >= 0)
        pace_note_sent(&worker->pace, &worker->look_slot, PROBE_SIZE);
}

/* The bytes of packets that a command has mtr-packet send. */
static unsigned packet_size(const PacketCommand *command)
{
    if (command->kind != PACKET_SEND_PROBE)
        return 0;
    return command->options.size == PROBE_OPTION_UNSET ? PROBE_SIZE
                                                       : (unsigned)command->options.size;
}

static void note_sent(Worker *worker, Job *job)
{
    job->n_sent++;
    charge_sent(job->charge);
    if (packet_command_is_numbered(&job->command))
        number_use_count(&worker->use);
    if (job_is_probe(job))
        worker->workplace->statistics->probes_sent++;
    look(worker);
    pace_note_sent(&worker->pace, &job->slot, packet_size(&job->command));
}

/* A probe that was sent has ended. */
static void note_result(Worker *worker, const Job *job, const char *word)
{
    char address[INET6_ADDRSTRLEN];

    statistics_count_result(worker->workplace->statistics, word);
    if (log_enabled(LOG_DEBUG))
        log_message(LOG_DEBUG, "%s probe of user %u to %s: %s",
                    probe_protocol_name(job->command.options.protocol), (unsigned)job->uid,
                    probe_target_format(&job->command.target, address), word);
}

/*
 * Deadlines
 */

static void give_up_again(Worker *worker, Job *job);

static void on_hung(Deadline *deadline)
{
    Job *job = CONTAINER_OF(deadline, Job, deadline);

    worker_fail(job->worker, "hangs: it owes an answer that was due 2 s ago");
}

/* Whoever asked has waited long enough. mtr-packet still owes the answer, and the job keeps its
 * place there; unless it has answered, and the job waits to be sent again. */
static void on_timeout(Deadline *deadline)
{
    static const PacketReply no_reply = {.word = "no-reply"};
    Job *job = CONTAINER_OF(deadline, Job, deadline);
    Workplace *workplace = job->worker->workplace;
    uint64_t grace = deadlines_now() + HUNG_USEC;

    if (job->misread) {
        give_up_again(job->worker, job);
        return;
    }

    /*
     * Where this comes late, the machine or we stood still, and mtr-packet with us: it has its time
     * from now. Cannot fail: there is room for what was set a moment ago.
     */
    (void)deadlines_set(&workplace->deadlines, deadline,
                        job->hung_usec > grace ? job->hung_usec : grace, on_hung);
    job->timed_out = true;
    note_result(job->worker, job, no_reply.word);
    job_answer(job, &no_reply, NULL);
}

/* When mtr-packet hangs if it has not answered a probe that is sent now. */
static uint64_t hung_usec(const Job *job)
{
    return deadlines_now() + packet_command_seconds(&job->command) * 1000000ULL + HUNG_USEC;
}

/* A probe's time runs from here: it is about to be written. */
static int set_deadline(Worker *worker, Job *job)
{
    Deadlines *deadlines = &worker->workplace->deadlines;
    uint64_t now = deadlines_now();

    if (!job_is_probe(job))
        return deadlines_set(deadlines, &job->deadline, now + PACKET_PROCESS_ANSWER_USEC, on_hung);

    job->hung_usec = hung_usec(job);
    return deadlines_set(deadlines, &job->deadline, now + job->command.options.timeout_usec,
                         on_timeout);
}

/*
 * The answers
 */

bool worker_knows(const Worker *worker, const char *feature, bool *ret_supported)
{
    if (!packet_process_is_ready(worker->process))
        return false;
    return packet_support_knows(packet_process_support(worker->process), feature, ret_supported) ||
           answers_know(&worker->answers, feature, ret_supported);
}

/* A job is out of the process. */
static void leave(Worker *worker, Job *job, const PacketReply *reply, const Failure *failure)
{
    deadlines_unset(&worker->workplace->deadlines, &job->deadline);
    shares_give_back(&worker->shares, job->uid);
    job->worker = NULL;
    job->place = JOB_NOWHERE;

    if (job_is_probe(job)) {
        worker->workplace->n_in_flight--;
        if (reply && !job->timed_out)
            note_result(worker, job, reply->word);
    } else if (reply && packet_reply_is_plain(reply)) {
        answers_note(&worker->answers, job->command.feature,
                     packet_reply_supported(&job->command, reply));
    }

    worker->events->done(worker->userdata, worker, job, reply, failure);
}

/* Whether a probe whose answer may be misread should be sent again. */
static bool may_send_again(const Worker *worker, const Job *job)
{
    return job->done && !job->timed_out && job->n_sent < SENT_MAX &&
           number_use_has_spare(&worker->use);
}

/* There is room for another probe, whoever it is of. */
static bool has_room(const Worker *worker)
{
    return packet_process_has_room(worker->process) && pace_has_room(&worker->pace);
}

/* A probe that waits to be sent again is not: its answer holds. */
static void give_up_again(Worker *worker, Job *job)
{
    const PacketReply misread = {.word = job->misread};

    DL_DELETE(worker->again, job);
    leave(worker, job, &misread, NULL);
}

/* Sends a probe again. It is the same probe: it keeps its place and its deadline. */
static void send_again(Worker *worker, Job *job)
{
    if (!may_send_again(worker, job) ||
        packet_process_send(worker->process, &job->slot, &job->command) < 0) {
        give_up_again(worker, job);
        return;
    }
    DL_DELETE(worker->again, job);
    job->misread = NULL;
    job->hung_usec = hung_usec(job);
    note_sent(worker, job);
}

/* Those that have waited for it are sent again, while there is room. */
static void go_on_again(Worker *worker)
{
    while (worker->again && has_room(worker))
        send_again(worker, worker->again);
}

/* They fail with the process, as those do that are in it. */
static void fail_again(Worker *worker, const Failure *failure)
{
    while (worker->again) {
        Job *job = worker->again;

        DL_DELETE(worker->again, job);
        leave(worker, job, NULL, failure);
    }
}

static void on_slot_done(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    Job *job = CONTAINER_OF(slot, Job, slot);
    Worker *worker = job->worker;
    const char *misread;

    pace_note_answered(&worker->pace, slot);
    if (reply && packet_reply_used_numbers(&job->command, reply))
        number_use_end(&worker->use);

    misread = reply ? packet_reply_misread(&job->command, reply) : NULL;
    if (!misread || !may_send_again(worker, job)) {
        leave(worker, job, reply, failure);
        return;
    }
    job->misread = misread;
    DL_APPEND(worker->again, job); /* until there is room */
}

/*
 * The process
 */

static unsigned on_jobs(void *userdata)
{
    const Worker *worker = userdata;

    return worker->shares.taken;
}

static void on_ready(void *userdata)
{
    Worker *worker = userdata;
    Workplace *workplace = worker->workplace;

    workplace->started(workplace->userdata, packet_process_support(worker->process));
    worker->events->room(worker->userdata, worker);
}

/* Gives it what it may have. Its owner is told also where it is used up: another must take over. */
static void on_room(void *userdata)
{
    Worker *worker = userdata;

    go_on_again(worker);
    worker_flush(worker);
    worker->events->room(worker->userdata, worker);
}

static void on_pace_room(Pace *pace)
{
    on_room(CONTAINER_OF(pace, Worker, pace));
}

static void on_pace_hangs(Pace *pace)
{
    worker_fail(CONTAINER_OF(pace, Worker, pace), "hangs: it did not answer a question within 5 s");
}

/* The next burst is on its way before what came behind the barrier's answer is handled: mtr-packet
 * need not wait for that. */
static const PaceEvents pace_events = {
    .room = on_pace_room,
    .hangs = on_pace_hangs,
};

static void on_lost(void *userdata, bool at_start, const Failure *failure)
{
    Worker *worker = userdata;

    fail_again(worker, failure);
    worker->events->lost(worker->userdata, worker, at_start, failure);
}

static const PacketProcessEvents process_events = {
    .jobs = on_jobs,
    .ready = on_ready,
    .room = on_room,
    .lost = on_lost,
};

/* Whether another's packets have, or had until lately, the same id as this process's. */
static bool pid_is_taken(const Workplace *workplace, pid_t pid)
{
    const Worker *other;

    DL_FOREACH (workplace->workers, other)
        if (packet_ids_same(packet_process_pid(other->process), pid))
            return true;
    return packet_ids_taken(&workplace->ids, pid, deadlines_now());
}

/* Starts processes until one has an id of its own. Those before it stay until then: so their ids
 * are not given again. */
static int start(Worker *worker, Failure *failure)
{
    const Workplace *workplace = worker->workplace;
    PacketProcess *unfit[PID_TRIES];
    unsigned n_unfit = 0;
    int r;

    for (;;) {
        PacketProcess *process;

        r = packet_process_new(&process, workplace->event, workplace->packet_command,
                               worker->use.numbers.skip, workplace->statistics, &process_events,
                               worker, failure);
        if (r != 0)
            break;
        if (!pid_is_taken(workplace, packet_process_pid(process))) {
            worker->process = process;
            break;
        }
        unfit[n_unfit++] = process;
        if (n_unfit == PID_TRIES) {
            r = failure_set(failure, OUTCOME_PROCESS,
                            "mtr-packet cannot be started: no process id differs from the others' "
                            "in its low 16 bits");
            break;
        }
    }

    while (n_unfit > 0)
        packet_process_free(unfit[--n_unfit]);
    return r;
}

int worker_new(Worker **ret, Workplace *workplace, const Numbers *numbers,
               const WorkerEvents *events, void *userdata, Failure *failure)
{
    _cleanup_(freep) Worker *worker = NULL;
    int r;

    worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->workplace = workplace;
    number_use_init(&worker->use, numbers);
    worker->events = events;
    worker->userdata = userdata;
    worker->shares.places = PACKET_PROCESS_SLOTS_MAX;
    worker->look_slot.done = on_looked;

    r = start(worker, failure);
    if (r != 0)
        return r;
    worker->use.pid = packet_process_pid(worker->process);
    pace_init(&worker->pace, worker->process, &workplace->deadlines, workplace->burst,
              &pace_events);

    DL_APPEND(workplace->workers, worker);
    *ret = TAKE_PTR(worker);
    return 0;
}

Worker *worker_free(Worker *worker)
{
    Failure failure;

    if (!worker)
        return NULL;

    number_use_deinit(&worker->use);
    if (number_use_total(&worker->use) > 0)
        packet_ids_note_ended(&worker->workplace->ids, packet_process_pid(worker->process),
                              deadlines_now());
    packet_process_free(worker->process);
    failure_set(&failure, OUTCOME_PROCESS, "mtr-packet is ended");
    fail_again(worker, &failure);
    assert(worker_idle(worker));
    DL_DELETE(worker->workplace->workers, worker);
    free(worker);
    return NULL;
}

void worker_fail(Worker *worker, const char *reason)
{
    packet_process_fail(worker->process, reason);
}

bool worker_has_room(const Worker *worker)
{
    return !worker_used_up(worker) && has_room(worker);
}

bool worker_may_take(const Worker *worker, uid_t uid)
{
    return shares_may_take(&worker->shares, uid);
}

int worker_send(Worker *worker, Job *job)
{
    int r;

    r = shares_take(&worker->shares, job->uid);
    if (r < 0)
        return r;
    job->worker = worker;
    job->slot.done = on_slot_done;
    r = set_deadline(worker, job);
    if (r >= 0)
        r = packet_process_send(worker->process, &job->slot, &job->command);
    if (r < 0) {
        deadlines_unset(&worker->workplace->deadlines, &job->deadline);
        shares_give_back(&worker->shares, job->uid);
        job->worker = NULL;
        return r;
    }

    job->place = JOB_IN_PROCESS;
    if (job_is_probe(job))
        worker->workplace->n_in_flight++;
    note_sent(worker, job);
    return 0;
}

void worker_flush(Worker *worker)
{
    packet_process_flush(worker->process);
}

const Numbers *worker_numbers(const Worker *worker)
{
    return &worker->use.numbers;
}

unsigned worker_used(const Worker *worker)
{
    return number_use_total(&worker->use);
}

bool worker_used_up(const Worker *worker)
{
    return number_use_is_up(&worker->use);
}

bool worker_idle(const Worker *worker)
{
    return worker->shares.taken == 0;
}
