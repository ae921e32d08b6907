/* SPDX-License-Identifier: MIT */

#include "scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Scheduler {
    char *packet_command;
    Deadlines deadlines;
    Lane *icmp;  /* and questions */
    Lane *ports; /* UDP, TCP, SCTP */
};

int scheduler_new(Scheduler **ret, sd_event *event, const char *packet_command,
                  lane_started_t started, void *userdata)
{
    _cleanup_(scheduler_freep) Scheduler *scheduler = NULL;
    int r;

    scheduler = calloc(1, sizeof(*scheduler));
    if (!scheduler)
        return -ENOMEM;
    scheduler->packet_command = strdup(packet_command);
    if (!scheduler->packet_command)
        return -ENOMEM;

    r = deadlines_init(&scheduler->deadlines, event, PACKET_PRIORITY_DEADLINE);
    if (r >= 0)
        r = lane_new(&scheduler->icmp, event, &scheduler->deadlines, scheduler->packet_command,
                     started, userdata);
    if (r >= 0)
        r = lane_new(&scheduler->ports, event, &scheduler->deadlines, scheduler->packet_command,
                     started, userdata);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(scheduler);
    return 0;
}

Scheduler *scheduler_free(Scheduler *scheduler)
{
    if (!scheduler)
        return NULL;

    lane_free(scheduler->icmp);
    lane_free(scheduler->ports);
    deadlines_deinit(&scheduler->deadlines);
    free(scheduler->packet_command);
    free(scheduler);
    return NULL;
}

int scheduler_submit(Scheduler *scheduler, LaneJob **ret, const PacketCommand *command,
                     lane_done_t done, void *userdata)
{
    Lane *lane = scheduler->icmp;

    if (command->kind == PACKET_SEND_PROBE && command->options.protocol != PROBE_ICMP)
        lane = scheduler->ports;
    return lane_submit(lane, ret, command, done, userdata);
}
