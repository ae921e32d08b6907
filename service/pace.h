/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How fast a process is given commands. mtr-packet does all that it can read before it looks at
 * what has come back: of a hundred probes at once, the first one's answer lies there until the last
 * one is sent, which counts as its round trip; and of many or large ones the answers overflow its
 * receive buffer, and show as losses. So it is given a burst, with a barrier behind it, a question
 * that it answers when it has done them; and the next burst when that answer is there.
 */

#include <stdbool.h>

#include "deadlines.h"
#include "packet-process.h"

/* The most commands in a burst that may be asked for, and how many there are otherwise: with more
 * there are a few more probes per second, and each shows a longer round trip than it had. */
#define PACE_BURST_MAX 8
#define PACE_BURST_DEFAULT 5

/*
 * The bytes of packets after which a burst ends, however few they are. Linux gives a socket 208 KiB
 * unless told otherwise, and one probe of 9000 bytes to this machine itself takes some 30 of them:
 * the packet and its answer, each with what the kernel needs around it. Six of those still fit, if
 * no other process probes at the same time: each receives what is for the others, too.
 */
#define PACE_BYTES (32 * 1024)

typedef struct Pace Pace;

typedef struct PaceEvents {
    /* The next burst may be given. */
    void (*room)(Pace *pace);
    /* The barrier was not answered in PACKET_PROCESS_ANSWER_USEC, though we were there all that
     * time: the process hangs. */
    void (*hangs)(Pace *pace);
} PaceEvents;

/* Part of whatever gives a process its probes. */
struct Pace {
    PacketProcess *process;
    Deadlines *deadlines;
    unsigned burst;
    const PaceEvents *events;

    unsigned n_commands, n_bytes; /* given since the last barrier */
    const PacketSlot *last;       /* the last of those, only to know it by its answer */
    PacketSlot barrier;           /* in the process, or its token is 0 */
    Deadline deadline;            /* of that */
};

/**
 * pace_init() - begin with a process that was given nothing yet
 * @process: borrowed, until it is lost or ended
 * @deadlines: borrowed for as long
 * @burst: the most commands at once, 1 to PACE_BURST_MAX
 * @events: who is told; borrowed for as long
 */
void pace_init(Pace *pace, PacketProcess *process, Deadlines *deadlines, unsigned burst,
               const PaceEvents *events);

/** pace_has_room() - whether the process may be given another command now */
bool pace_has_room(const Pace *pace);

/** pace_note_sent() - the process was given a command, whose packets have so many bytes; perhaps it
 * is given a barrier now */
void pace_note_sent(Pace *pace, const PacketSlot *slot, unsigned n_bytes);

/** pace_note_answered() - it has answered a command: the last one's answer is as good as a
 * barrier's, so that who probes one by one needs none */
void pace_note_answered(Pace *pace, const PacketSlot *slot);
