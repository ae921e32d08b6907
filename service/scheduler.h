/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The way to mtr-packet, and the only one: commands wait here for a place in a process, first come
 * first served, and the process is started when there is one waiting and none running.
 */

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "packet-process.h"
#include "packet-protocol.h"
#include "util.h"

typedef struct Scheduler Scheduler;
typedef struct SchedulerJob SchedulerJob;

/**
 * scheduler_done_t - the end of a job: exactly one of @reply and @failure is not NULL
 *
 * Both live until the function returns. The job is freed by the scheduler after it.
 */
typedef void (*scheduler_done_t)(void *userdata, const PacketReply *reply, const Failure *failure);

/** scheduler_started_t - mtr-packet was started, and said this of itself */
typedef void (*scheduler_started_t)(void *userdata, const PacketSupport *support);

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
                  scheduler_started_t started, void *userdata);

/**
 * scheduler_free() - end the processes
 *
 * Jobs that were dropped while mtr-packet had them go with it; others there must not be. Takes
 * NULL, returns NULL.
 */
Scheduler *scheduler_free(Scheduler *scheduler);
DEFINE_CLEANUP(Scheduler *, scheduler_free)

/**
 * scheduler_submit() - have a command carried out
 * @scheduler: the scheduler
 * @ret: the job, by which it can be dropped; set before @done can be called
 * @command: copied
 * @done, @userdata: told of the end, once, perhaps before this function returns
 *
 * Return: 0, or -ENOMEM, when @done will not be called.
 */
int scheduler_submit(Scheduler *scheduler, SchedulerJob **ret, const PacketCommand *command,
                     scheduler_done_t done, void *userdata);

/**
 * scheduler_drop() - nobody waits for this job any more: its `done` will not be called
 *
 * What waits is forgotten. What mtr-packet has cannot be called back, and keeps its place until it
 * is answered. Takes NULL, returns NULL.
 */
SchedulerJob *scheduler_drop(Scheduler *scheduler, SchedulerJob *job);
