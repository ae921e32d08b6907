/* SPDX-License-Identifier: MIT */

#include "pace.h"

#include "util.h"

static const PacketCommand barrier_command = {
    .kind = PACKET_CHECK_SUPPORT,
    .feature = "send-probe",
};

static void begin_burst(Pace *pace)
{
    pace->n_commands = pace->n_bytes = 0;
    pace->last = NULL;
}

static void on_barrier(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    Pace *pace = CONTAINER_OF(slot, Pace, barrier);

    deadlines_unset(pace->deadlines, &pace->deadline);
    begin_burst(pace);
    if (!failure)
        pace->events->room(pace);
}

static void on_late(Deadline *deadline)
{
    Pace *pace = CONTAINER_OF(deadline, Pace, deadline);

    pace->events->hangs(pace);
}

static int send_barrier(Pace *pace)
{
    int r;

    r = deadlines_set(pace->deadlines, &pace->deadline,
                      deadlines_now() + PACKET_PROCESS_ANSWER_USEC, on_late);
    if (r < 0)
        return r;

    r = packet_process_send(pace->process, &pace->barrier, &barrier_command);
    if (r < 0)
        deadlines_unset(pace->deadlines, &pace->deadline);
    return r;
}

void pace_init(Pace *pace, PacketProcess *process, Deadlines *deadlines, unsigned burst,
               const PaceEvents *events)
{
    *pace = (Pace){.process = process, .deadlines = deadlines, .burst = burst, .events = events};
    pace->barrier.done = on_barrier;
    pace->barrier.ours = true;
}

bool pace_has_room(const Pace *pace)
{
    return pace->barrier.token == 0;
}

void pace_note_sent(Pace *pace, const PacketSlot *slot, unsigned n_bytes)
{
    pace->last = slot;
    pace->n_commands++;
    pace->n_bytes += n_bytes;
    if (pace->n_commands < pace->burst && pace->n_bytes < PACE_BYTES)
        return;

    /* Without memory for it rather too fast than not at all. */
    if (send_barrier(pace) < 0)
        begin_burst(pace);
}

void pace_note_answered(Pace *pace, const PacketSlot *slot)
{
    if (slot == pace->last && pace_has_room(pace))
        begin_burst(pace);
}
