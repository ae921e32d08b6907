/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process ids that packets still on their way may be for, by the low 16 bits, which is all that
 * a packet has of them: those of mtr-packets that have ended a short while ago. Pure.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The latest are known. More end in that time only where many marks take turns. */
#define PACKET_IDS_MAX 64

/* How long an id is nobody else's, in microseconds: as long as a probe may be waited for. */
#define PACKET_IDS_KEPT_USEC (60 * 1000 * 1000ULL)

/* Begins as zeros. */
typedef struct PacketIds {
    struct {
        pid_t pid;
        uint64_t usec; /* when it ended; CLOCK_MONOTONIC */
    } ended[PACKET_IDS_MAX];
    unsigned n_ended; /* of all time; the latest is at (n_ended - 1) % PACKET_IDS_MAX */
} PacketIds;

/** packet_ids_note_ended() - a process has ended that has sent probes */
void packet_ids_note_ended(PacketIds *ids, pid_t pid, uint64_t now);

/** packet_ids_same() - whether packets do not tell these two apart */
bool packet_ids_same(pid_t a, pid_t b);

/** packet_ids_taken() - whether packets for one that has ended would be taken for this one's */
bool packet_ids_taken(const PacketIds *ids, pid_t pid, uint64_t now);
