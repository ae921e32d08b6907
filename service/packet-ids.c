/* SPDX-License-Identifier: MIT */

#include "packet-ids.h"

void packet_ids_note_ended(PacketIds *ids, pid_t pid, uint64_t now)
{
    unsigned place = ids->n_ended++ % PACKET_IDS_MAX;

    ids->ended[place].pid = pid;
    ids->ended[place].usec = now;
}

bool packet_ids_same(pid_t a, pid_t b)
{
    return (uint16_t)a == (uint16_t)b;
}

bool packet_ids_taken(const PacketIds *ids, pid_t pid, uint64_t now)
{
    for (unsigned i = 0; i < PACKET_IDS_MAX && i < ids->n_ended; i++)
        if (packet_ids_same(ids->ended[i].pid, pid) &&
            now - ids->ended[i].usec < PACKET_IDS_KEPT_USEC)
            return true;
    return false;
}
