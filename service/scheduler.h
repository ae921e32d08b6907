/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which mtr-packet a command goes to. There are two, each started at its first need:
 *
 *   - one for ICMP, and for questions: each open TCP probe costs a process a system call a loop,
 * and with hundreds of them a ping in the same process shows several times its round trip;
 *   - one for UDP, TCP and SCTP: never two, because mtr-packet tells their answers apart by ports,
 * which every process counts from the same start. Two of them tracing TCP at once take each other's
 * hops for their own.
 */

#include <systemd/sd-event.h>

#include "lane.h"
#include "packet-protocol.h"
#include "util.h"

typedef struct Scheduler Scheduler;

/**
 * scheduler_new() - make a scheduler; it starts no process yet
 * @ret: the scheduler, only on success
 * @event: the loop it lives on; borrowed for its whole life
 * @packet_command: see packet_spawn(); copied
 * @started, @userdata: told each time that a process is ready
 *
 * Return: 0 or a negative errno.
 */
int scheduler_new(Scheduler **ret, sd_event *event, const char *packet_command,
                  lane_started_t started, void *userdata);

/** scheduler_free() - end the processes, see lane_free(); takes NULL, returns NULL */
Scheduler *scheduler_free(Scheduler *scheduler);
DEFINE_CLEANUP(Scheduler *, scheduler_free)

/** scheduler_submit() - have a command carried out by the process that it belongs to, see
 * lane_submit() */
int scheduler_submit(Scheduler *scheduler, LaneJob **ret, const PacketCommand *command,
                     lane_done_t done, void *userdata);
