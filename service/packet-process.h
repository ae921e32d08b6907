/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One mtr-packet child: it is started, asked what it supports, given commands, and what it answers
 * finds its command again by the token. A child that dies or breaks the protocol is lost, with
 * every command in it.
 *
 *     STARTING -- all questions answered, send-probe among them --> READY
 *     either -- died, sent garbage, was silent at the start --> lost, told once; its owner frees it
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "hash.h"
#include "outcome.h"
#include "packet-protocol.h"
#include "packet-support.h"
#include "statistics.h"
#include "util.h"

typedef struct PacketProcess PacketProcess;
typedef struct PacketSlot PacketSlot;

/*
 * The most commands of callers in one process. Each TCP probe is a descriptor there, and at the
 * limit of 1024 mtr-packet answers `invalid-argument` to probes that are right.
 */
#define PACKET_PROCESS_SLOTS_MAX 1000

/* How long a child may take to answer a question, the first ones too, in microseconds. */
#define PACKET_PROCESS_ANSWER_USEC (5 * 1000 * 1000ULL)

/*
 * Priorities in the event loop. That the clock was set counts before what was measured by it, and a
 * probe that comes back to us before its answer. What mtr-packet has answered counts before its
 * death, and before a deadline that passes at the same time; and no flood of calls, which the bus
 * brings at SD_EVENT_PRIORITY_NORMAL, keeps either waiting.
 */
#define PACKET_PRIORITY_CLOCK (SD_EVENT_PRIORITY_NORMAL - 30)
#define PACKET_PRIORITY_SIGHT (SD_EVENT_PRIORITY_NORMAL - 25)
#define PACKET_PRIORITY_REPLY (SD_EVENT_PRIORITY_NORMAL - 20)
#define PACKET_PRIORITY_DEADLINE (SD_EVENT_PRIORITY_NORMAL - 10)

/**
 * packet_slot_done_t - the end of a command: exactly one of @reply and @failure is not NULL
 *
 * Both live until the function returns. The slot is free when it is called.
 */
typedef void (*packet_slot_done_t)(PacketSlot *slot, const PacketReply *reply,
                                   const Failure *failure);

/* A command's place in a process; part of whatever waits for the answer, which must stay until
 * `done` is called. */
struct PacketSlot {
    packet_slot_done_t done;
    const PacketCommand *command; /* borrowed while it is in a process */
    int token;                    /* 0 unless it is */
    uint64_t sent_usec;           /* CLOCK_MONOTONIC */
    UT_hash_handle by_token;
};

typedef struct PacketProcessEvents {
    /* How many callers would hear of it if the process were lost now. */
    unsigned (*jobs)(void *userdata);
    /* The process takes commands from now on. */
    void (*ready)(void *userdata);
    /*
     * The process is gone, and every command in it has failed. The owner frees it, but not from
     * here: whoever found the loss still stands on it. @at_start: it never became ready.
     */
    void (*lost)(void *userdata, bool at_start, const Failure *failure);
    /* There is room for further commands. */
    void (*room)(void *userdata);
} PacketProcessEvents;

/**
 * packet_process_new() - start a process
 * @ret: the process, only on success
 * @event: the loop it lives on; borrowed for its whole life
 * @command: see packet_spawn(); borrowed for its whole life
 * @n_skip: how many sequence numbers it is to skip before it is ready
 * @statistics: where it counts; borrowed for its whole life
 * @events, @userdata: who is told; borrowed for its whole life. No event comes before this function
 * has returned.
 * @failure: filled in on a positive return
 *
 * Return: 0, OUTCOME_PROCESS if there is no such program or no process to be had, or a negative
 * errno.
 */
int packet_process_new(PacketProcess **ret, sd_event *event, const char *command, unsigned n_skip,
                       Statistics *statistics, const PacketProcessEvents *events, void *userdata,
                       Failure *failure);

/**
 * packet_process_free() - kill the process and forget it
 *
 * Commands in it fail, but nobody is told that it is lost. Takes NULL, returns NULL.
 */
PacketProcess *packet_process_free(PacketProcess *process);
DEFINE_CLEANUP(PacketProcess *, packet_process_free)

/**
 * packet_process_fail() - give the process up
 *
 * Every command in it fails with OUTCOME_PROCESS and @reason, then the owner is told that it is
 * lost.
 */
void packet_process_fail(PacketProcess *process, const char *reason);

/**
 * packet_process_has_room() - whether packet_process_send() may be called
 *
 * Not while a command waits for room in the pipe: a probe's time is counted from when it is
 * written.
 */
bool packet_process_has_room(const PacketProcess *process);

/**
 * packet_process_send() - give the process a command
 * @process: one that is not lost; for a caller's command, one that has room
 * @slot: its `done` set; called later, never from here
 * @command: borrowed until the slot is done
 *
 * It goes out with the next packet_process_flush().
 *
 * Return: 0 or -ENOMEM.
 */
int packet_process_send(PacketProcess *process, PacketSlot *slot, const PacketCommand *command);

/**
 * packet_process_flush() - write the commands that were sent
 *
 * A pipe that is full does not block: what it does not take waits here.
 */
void packet_process_flush(PacketProcess *process);

/** packet_process_is_ready() - whether it has answered its first questions */
bool packet_process_is_ready(const PacketProcess *process);

/** packet_process_pid() - its process id */
pid_t packet_process_pid(const PacketProcess *process);

/** packet_process_support() - what a process that is ready said of itself; lives as long as it */
const PacketSupport *packet_process_support(const PacketProcess *process);
