/* SPDX-License-Identifier: MIT */

#include "packet-start.h"

#include <stdlib.h>
#include <string.h>

/* How many numbers are skipped at a time: a pipe takes so many commands at once. */
#define SKIPS_MAX 512

typedef struct Question {
    PacketSlot slot;
    PacketStart *start;
    PacketCommand command;
    unsigned number;
} Question;

typedef struct Skip {
    PacketSlot slot;
    PacketStart *start;
} Skip;

struct PacketStart {
    PacketProcess *process;
    packet_start_done_t done;
    void *userdata;

    PacketSupport support;
    Question questions[PACKET_SUPPORT_QUESTIONS];
    unsigned n_skip; /* still to be given */
    Skip skips[SKIPS_MAX];
    unsigned n_unanswered;
};

static const PacketCommand skip_command = {.kind = PACKET_SKIP_NUMBER};

static void on_skipped(PacketSlot *slot, const PacketReply *reply, const Failure *failure);

/* Gives as many skips as there are places for; all in one write, or they would take longer than all
 * else at a start. */
static int skip(PacketStart *start)
{
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < SKIPS_MAX && start->n_skip > 0; i++) {
        start->skips[i] = (Skip){.slot.done = on_skipped, .start = start};
        r = packet_process_send(start->process, &start->skips[i].slot, &skip_command);
        if (r >= 0) {
            start->n_unanswered++;
            start->n_skip--;
        }
    }
    packet_process_flush(start->process);
    return r;
}

/* Goes on when all that was given is answered. */
static void go_on(PacketStart *start)
{
    const char *problem = NULL;

    if (start->n_unanswered > 0)
        return;

    if (!packet_support_can_probe(&start->support))
        problem = "cannot send probes: it says that it does not support send-probe";
    else if (start->n_skip > 0 && skip(start) < 0)
        problem = "cannot be given its first commands: out of memory";
    else if (start->n_unanswered > 0)
        return;
    start->done(start->userdata, problem);
}

static void on_skipped(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    PacketStart *start = CONTAINER_OF(slot, Skip, slot)->start;

    start->n_unanswered--;
    if (failure)
        return; /* lost: its owner is told */
    if (strcmp(reply->word, "invalid-argument") != 0)
        start->done(start->userdata, "took an address that is none");
    else
        go_on(start);
}

static void on_answer(PacketSlot *slot, const PacketReply *reply, const Failure *failure)
{
    Question *question = CONTAINER_OF(slot, Question, slot);
    PacketStart *start = question->start;

    start->n_unanswered--;
    if (failure)
        return; /* lost: its owner is told */
    packet_support_answer(&start->support, question->number, reply);
    go_on(start);
}

PacketStart *packet_start_new(PacketProcess *process, unsigned n_skip, packet_start_done_t done,
                              void *userdata)
{
    PacketStart *start = calloc(1, sizeof(*start));

    if (!start)
        return NULL;
    start->process = process;
    start->n_skip = n_skip;
    start->done = done;
    start->userdata = userdata;
    return start;
}

int packet_start_begin(PacketStart *start)
{
    for (unsigned i = 0; i < PACKET_SUPPORT_QUESTIONS; i++) {
        Question *question = &start->questions[i];
        int r;

        *question = (Question){.slot.done = on_answer, .start = start, .number = i};
        question->command = packet_support_question(i);
        r = packet_process_send(start->process, &question->slot, &question->command);
        if (r < 0)
            return r;
        start->n_unanswered++;
    }
    packet_process_flush(start->process);
    return 0;
}

PacketStart *packet_start_free(PacketStart *start)
{
    free(start);
    return NULL;
}

const PacketSupport *packet_start_support(const PacketStart *start)
{
    return &start->support;
}
