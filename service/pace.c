/* SPDX-License-Identifier: MIT */

#include "pace.h"

#include "util.h"

/* How late the end of the barrier's time may be noticed, in microseconds, until that means that we
 * were not there to notice it. */
#define LATE_USEC (1000 * 1000ULL)

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
    uint64_t now = deadlines_now();

    /*
     * Where this comes late, the machine or we stood still, and mtr-packet with us: it has its time
     * from now. Cannot fail: there is room for what was set a moment ago.
     */
    if (now > deadline->usec + LATE_USEC)
        (void)deadlines_set(pace->deadlines, deadline, now + PACKET_PROCESS_ANSWER_USEC, on_late);
    else
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
    if (!pace_has_room(pace) || (pace->n_commands < pace->burst && pace->n_bytes < PACE_BYTES))
        return;

    /* Without memory for it rather too fast than not at all. */
    if (send_barrier(pace) < 0)
        begin_burst(pace);
}

void pace_note_answered(Pace *pace, const PacketSlot *slot)
{
    if (slot == pace->last)
        begin_burst(pace);
}
