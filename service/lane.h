/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Commands on their way to one mtr-packet: they wait here for a place in it, first come first
 * served. The process is started when there is one waiting and none running, and again, after a
 * pause if need be, when it was lost.
 */

#include <systemd/sd-event.h>

#include "deadlines.h"
#include "packet-process.h"
#include "packet-protocol.h"
#include "util.h"

typedef struct Lane Lane;
typedef struct LaneJob LaneJob;

/**
 * lane_done_t - the end of a job: exactly one of @reply and @failure is not NULL
 *
 * Both live until the function returns. The job is freed by the lane after it.
 */
typedef void (*lane_done_t)(void *userdata, const PacketReply *reply, const Failure *failure);

/** lane_started_t - mtr-packet was started, and said this of itself */
typedef void (*lane_started_t)(void *userdata, const PacketSupport *support);

/**
 * lane_new() - make a lane; it starts no process yet
 * @ret: the lane, only on success
 * @event: the loop it lives on; borrowed for its whole life
 * @deadlines: where its jobs' deadlines are set; borrowed for its whole life
 * @packet_command: see packet_spawn(); borrowed for its whole life
 * @started, @userdata: told each time that the process is ready
 *
 * Return: 0 or a negative errno.
 */
int lane_new(Lane **ret, sd_event *event, Deadlines *deadlines, const char *packet_command,
             lane_started_t started, void *userdata);

/**
 * lane_free() - end the process
 *
 * Jobs that were dropped while mtr-packet had them go with it; others there must not be. Takes
 * NULL, returns NULL.
 */
Lane *lane_free(Lane *lane);
DEFINE_CLEANUP(Lane *, lane_free)

/**
 * lane_submit() - have a command carried out
 * @lane: the lane
 * @ret: the job, by which it can be dropped; set before @done can be called
 * @command: copied
 * @done, @userdata: told of the end, once, perhaps before this function returns
 *
 * Return: 0, or -ENOMEM, when @done will not be called.
 */
int lane_submit(Lane *lane, LaneJob **ret, const PacketCommand *command, lane_done_t done,
                void *userdata);

/**
 * lane_drop() - nobody waits for this job any more: its `done` will not be called
 *
 * What waits is forgotten. What mtr-packet has cannot be called back, and keeps its place until it
 * is answered. Takes NULL, returns NULL.
 */
LaneJob *lane_drop(LaneJob *job);
