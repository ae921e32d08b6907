/* SPDX-License-Identifier: MIT */

#include "scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "clock-watch.h"
#include "hash.h"
#include "lane.h"
#include "log.h"
#include "marks.h"
#include "restart.h"

struct Scheduler {
    char *packet_command;
    Workplace workplace;
    ClockWatch clock;
    Lane *icmp;  /* without a mark; and questions */
    Lane *ports; /* UDP without a mark, TCP, SCTP */
    Restart icmp_restart, ports_restart;
    Marks marks;     /* ICMP and UDP with a mark */
    Lane *next_lane; /* while those who awaited a UDP turn are told: whose the next is */
};

/* Whatever is in flight now was sent by another clock than that by which it would be received. */
static void on_clock_set(void *userdata)
{
    static const char reason[] = "is replaced: the machine's clock was set, by which it measures";
    Scheduler *scheduler = userdata;

    log_message(LOG_NOTICE, "the machine's clock was set");
    lane_replace(scheduler->icmp, reason);
    lane_replace(scheduler->ports, reason);
    marks_replace(&scheduler->marks, reason);
}

static void on_again(void *userdata, UdpTicket *ticket)
{
    Scheduler *scheduler = userdata;
    Job *job = CONTAINER_OF(ticket, Job, ticket);

    scheduler->next_lane = job->lane;
    lane_put_back(job);
}

static void on_go(void *userdata)
{
    Scheduler *scheduler = userdata;

    if (scheduler->next_lane)
        lane_dispatch(scheduler->next_lane);
    scheduler->next_lane = NULL;
    lane_dispatch(scheduler->ports);
    marks_dispatch(&scheduler->marks);
}

int scheduler_new(Scheduler **ret, sd_event *event, const char *packet_command,
                  const Limits *limits, Statistics *statistics, worker_started_t started,
                  void *userdata)
{
    _cleanup_(scheduler_freep) Scheduler *scheduler = NULL;
    Workplace *workplace;
    int r;

    scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler)
        return -ENOMEM;
    scheduler->clock.fd = -1;
    scheduler->packet_command = strdup(packet_command);
    if (!scheduler->packet_command)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed as its scope ends */
        return -ENOMEM;

    workplace = &scheduler->workplace;
    workplace->event = event;
    workplace->packet_command = scheduler->packet_command;
    workplace->burst = limits->burst;
    workplace->statistics = statistics;
    workplace->started = started;
    workplace->userdata = userdata;
    scheduler->marks.workplace = workplace;

    r = deadlines_init(&workplace->deadlines, event, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = udp_turns_init(&workplace->turns, event, PACKET_PRIORITY_DEADLINE, on_again, on_go,
                           scheduler);
    if (r >= 0)
        r = clock_watch_init(&scheduler->clock, event, PACKET_PRIORITY_CLOCK, on_clock_set,
                             scheduler);
    if (r >= 0)
        r = lane_new(&scheduler->icmp, workplace, NUMBERS_SHARED, &scheduler->icmp_restart, NULL,
                     NULL);
    if (r >= 0)
        r = lane_new(&scheduler->ports, workplace, NUMBERS_OWN, &scheduler->ports_restart, NULL,
                     NULL);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(scheduler);
    return 0;
}

Scheduler *scheduler_free(Scheduler *scheduler)
{
    if (!scheduler)
        return NULL;

    marks_deinit(&scheduler->marks);
    lane_free(scheduler->icmp);
    lane_free(scheduler->ports);
    assert(!scheduler->workplace.workers);
    clock_watch_deinit(&scheduler->clock);
    udp_turns_deinit(&scheduler->workplace.turns);
    deadlines_deinit(&scheduler->workplace.deadlines);
    free(scheduler->packet_command);
    free(scheduler);
    return NULL;
}

/* Where a job belongs, see the header. */
static int submit(Scheduler *scheduler, Job *job)
{
    const PacketCommand *command = &job->command;

    if (!job_is_probe(job))
        return lane_submit(packet_command_is_numbered(command) ? scheduler->ports : scheduler->icmp,
                           job);

    switch (command->options.protocol) {
    case PROBE_ICMP:
    case PROBE_UDP:
        if (command->options.mark != 0)
            return marks_submit(&scheduler->marks, job);
        break;
    case PROBE_TCP:
    case PROBE_SCTP:
        break;
    }
    return lane_submit(command->options.protocol == PROBE_ICMP ? scheduler->icmp : scheduler->ports,
                       job);
}

int scheduler_submit(Scheduler *scheduler, Job **ret, uid_t uid, Charge *charge,
                     const PacketCommand *command, job_done_t done, void *userdata)
{
    Job *job;
    int r;

    job = job_new(uid, charge, command, done, userdata);
    if (!job) {
        charge_free(charge);
        return -ENOMEM;
    }

    *ret = job;
    r = submit(scheduler, job);
    if (r < 0) {
        *ret = NULL;
        job_free(job);
    }
    return r;
}

Job *scheduler_drop(Job *job)
{
    if (job)
        lane_drop(job);
    return NULL;
}

unsigned scheduler_queued(const Scheduler *scheduler)
{
    return scheduler->workplace.n_queued;
}

unsigned scheduler_in_flight(const Scheduler *scheduler)
{
    return scheduler->workplace.n_in_flight;
}
