/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which mtr-packet a command goes to. Each is started at its first need:
 *
 *   - one for ICMP, and for questions but that of marks, which is a TCP probe: each open TCP probe
 * costs a process a system call a loop, and with hundreds of them a ping in the same process shows
 * several times its round trip;
 *   - one for UDP, TCP and SCTP: mtr-packet tells the answers to TCP and SCTP apart by a port only,
 * which every process counts from the same start. Two of them tracing TCP at once take each other's
 * hops for their own, and so does any other that has a probe of the same number, see numbers.h;
 *   - one for each routing mark that ICMP or UDP is sent with, see marks.h. (TCP and SCTP have a
 * socket for each probe, and their marks stay with it.)
 *
 * In each the users have places in turn, see shares.h and fair-queue.h.
 */

#include <systemd/sd-event.h>

#include "job.h"
#include "packet-protocol.h"
#include "service-limits.h"
#include "statistics.h"
#include "util.h"
#include "worker.h"

typedef struct Scheduler Scheduler;

/**
 * scheduler_new() - make a scheduler; it starts no process yet
 * @ret: the scheduler, only on success
 * @event: the loop it lives on; borrowed for its whole life
 * @packet_command: see packet_spawn(); copied
 * @limits: of these `burst` counts; not kept
 * @statistics: where it counts; borrowed for its whole life
 * @started, @userdata: told each time that a process is ready
 *
 * Return: 0 or a negative errno.
 */
int scheduler_new(Scheduler **ret, sd_event *event, const char *packet_command,
                  const Limits *limits, Statistics *statistics, worker_started_t started,
                  void *userdata);

/**
 * scheduler_free() - end the processes
 *
 * Jobs that were dropped while mtr-packet had them go with it; others there must not be. Takes
 * NULL, returns NULL.
 */
Scheduler *scheduler_free(Scheduler *scheduler);
DEFINE_CLEANUP(Scheduler *, scheduler_free)

/**
 * scheduler_submit() - have a command carried out by the process that it belongs to
 * @scheduler: the scheduler
 * @ret: the job, by which it can be dropped; set before @done can be called
 * @uid: for whom
 * @charge: taken over, in any case; given back when mtr-packet has answered, whoever wants to know.
 * Or NULL
 * @command: copied
 * @done, @userdata: told of the end, once, perhaps before this function returns
 *
 * Return: 0, or -ENOMEM, when @done will not be called.
 */
int scheduler_submit(Scheduler *scheduler, Job **ret, uid_t uid, Charge *charge,
                     const PacketCommand *command, job_done_t done, void *userdata);

/**
 * scheduler_drop() - nobody waits for this job any more: its `done` will not be called
 *
 * What waits is forgotten. What mtr-packet has cannot be called back, and keeps its place until it
 * is answered. Takes NULL, returns NULL.
 */
Job *scheduler_drop(Job *job);

/** scheduler_queued() - how many probes wait to be given to one */
unsigned scheduler_queued(const Scheduler *scheduler);

/** scheduler_in_flight() - how many probes mtr-packets have, wanted or not */
unsigned scheduler_in_flight(const Scheduler *scheduler);
