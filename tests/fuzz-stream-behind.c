/* SPDX-License-Identifier: MIT */

#include "fuzz-stream-behind.h"

#include <errno.h>

#include "fuzz.h"
#include "grants.h"
#include "job.h"
#include "local-address.h"
#include "request.h"
#include "scheduler.h"

BehindModes behind_modes;
void (*behind_says)(const char *line);
unsigned behind_n_busy;

static GrantWaiter *waiters;
static Job *jobs;

/*
 * Callers
 */

void callers_hold(Callers *callers)
{
    behind_n_busy++;
}

void callers_release(Callers *callers)
{
    CHECK(behind_n_busy > 0);
    behind_n_busy--;
}

/*
 * polkit
 */

static void answer_grant(GrantWaiter *waiter, bool yes)
{
    Failure failure;

    failure_set(&failure, OUTCOME_ACCESS_DENIED, "polkit says no");
    waiter->by_user = (GrantByUser){0};
    waiter->done(waiter, yes ? NULL : &failure);
}

int grants_get(Grants *grants, AuthorityAction action, const PolkitDetails *details,
               bool interactive, GrantWaiter *waiter)
{
    CHECK(!waiter->grant && !interactive);
    if (action == AUTHORITY_NOTHING || behind_modes.grant == 'y') {
        answer_grant(waiter, true);
    } else if (behind_modes.grant == 'n') {
        answer_grant(waiter, false);
    } else if (behind_modes.grant == 'e') {
        return -EMFILE;
    } else {
        waiter->grant = (Grant *)(void *)&waiters; /* no more than that there is one is looked at */
        DL_APPEND(waiters, waiter);
    }
    return 0;
}

void grants_leave(GrantWaiter *waiter)
{
    if (waiter->grant)
        DL_DELETE(waiters, waiter);
    waiter->grant = NULL;
}

bool grants_holds(const Grants *grants, const GrantByUser *by_user)
{
    return by_user->given;
}

void grants_renew(GrantByUser *older, const GrantByUser *newer)
{
}

bool behind_grant(bool first, bool yes)
{
    GrantWaiter *waiter = waiters && !first ? waiters->prev : waiters;

    if (!waiter)
        return false;
    grants_leave(waiter);
    answer_grant(waiter, yes);
    return true;
}

/*
 * The machine
 */

int local_address_check(const ProbeTarget *address, Failure *failure)
{
    if (behind_modes.source == 'e')
        return -EMFILE;
    return behind_modes.source == 'n' ? failure_set(failure, OUTCOME_INVALID_ARGS, "not ours") : 0;
}

int local_address_check_target(const ProbeTarget *address, const ProbeTarget *target,
                               Failure *failure)
{
    return 0;
}

bool routes_is_unreachable(Routes *routes, const ProbeTarget *target, uint64_t now_usec)
{
    return behind_modes.route == 'n';
}

/*
 * mtr-packet
 */

/* What must be said of a job that ends in a failure; not by the service's own table. */
static const char *words_of(Outcome outcome)
{
    return outcome == OUTCOME_NO_MEMORY   ? "unexpected-error errno 12"
           : outcome == OUTCOME_CANCELLED ? "unexpected-error errno 125"
                                          : "unexpected-error errno 5";
}

/* Tells beforehand what the answer to a job is. */
static void tell(const Job *job, const char *words)
{
    const Request *request = job->userdata;
    char line[256];

    if (!job->done)
        return; /* nobody wants to know */
    snprintf(line, sizeof(line), "%d %s", request->token, words);
    behind_says(line);
}

static void fail(Job *job, Outcome outcome)
{
    Failure failure;

    failure_set(&failure, outcome, "mtr-packet is lost");
    tell(job, words_of(outcome));
    job_answer(job, NULL, &failure);
}

static void reply_with(Job *job, const char *line)
{
    char *copy = fuzz_copy(line, strlen(line));
    PacketReply reply;

    CHECK(packet_reply_parse(&reply, copy, strlen(line)) == 0);
    tell(job, line + 2);
    job_answer(job, &reply, NULL);
    free(copy);
}

static void answer(Job *job, char letter)
{
    bool is_probe = job_is_probe(job);

    if (letter == 'f')
        fail(job, OUTCOME_PROCESS);
    else if (letter == 'm')
        fail(job, OUTCOME_NO_MEMORY);
    else if (!is_probe)
        reply_with(job,
                   letter == 'n' ? "1 feature-support support no" : "1 feature-support support ok");
    else if (letter == 'n')
        reply_with(job, "1 no-reply");
    else if (letter == 't')
        reply_with(job, "1 ttl-expired ip-4 192.0.2.1 round-trip-time 17 mpls 16,0,1,1");
    else
        reply_with(job, "1 reply ip-4 127.0.0.1 round-trip-time 20");
}

int scheduler_submit(Scheduler *scheduler, Job **ret, uid_t uid, Charge *charge,
                     const PacketCommand *command, job_done_t done, void *userdata)
{
    Job *job;

    CHECK(charge && command->kind != PACKET_SKIP_NUMBER);
    if (behind_modes.submit == 'e') {
        charge_free(charge);
        return -ENOMEM;
    }
    job = job_new(uid, charge, command, done, userdata);
    CHECK(job);
    *ret = job;
    if (behind_modes.submit == 'y' || behind_modes.submit == 'n') {
        answer(job, behind_modes.submit == 'y' ? 'r' : 'f');
        job_free(job);
    } else {
        DL_APPEND(jobs, job);
    }
    return 0;
}

/* It keeps its charge until it is answered, as with a real one. */
Job *scheduler_drop(Job *job)
{
    if (job)
        job->done = NULL;
    return NULL;
}

bool behind_reply(bool first, char letter)
{
    Job *job = jobs && !first ? jobs->prev : jobs;

    if (!job)
        return false;
    DL_DELETE(jobs, job);
    answer(job, letter);
    job_free(job);
    return true;
}
