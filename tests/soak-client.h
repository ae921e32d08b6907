/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One client of the soak: a process of its own that calls the service at random for some seconds,
 * judges each answer, and counts on the board.
 */

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "soak-ask.h"
#include "soak-board.h"
#include "soak-truth.h"

/* Exit statuses, beside 0. */
#define CLIENT_BUS_LOST 3

/* How many calls a client has waiting, mostly: with those of the other clients of its user, and the
 * commands of their streams, fewer than the 1024 that a user may have. */
#define CLIENT_CALLS_MAX 50

/* mtr-packet, once lost, is started again after a pause of 5 s at most (restart.h), and fails those
 * who want it meanwhile: what was lost so long before, and what is under way, in microseconds. */
#define CLIENT_PAUSE_USEC (6 * 1000000LL)

typedef enum Session { SESSION_NONE, SESSION_OPENING, SESSION_OPEN, SESSION_CLOSING } Session;

typedef struct SoakStream SoakStream;
typedef struct SoakProgram SoakProgram;

typedef struct Client {
    Board *board;
    BoardClient *counts;
    const SoakUser *user;
    GRand *rand;
    unsigned slot;
    uint32_t seed;
    sd_event *event;
    sd_bus *bus;
    int64_t leaves;   /* when it leaves */
    bool leaving;     /* it only waits for answers */
    unsigned n_calls; /* that are not answered */
    Session session;
    unsigned n_sessions, n_closed; /* Open and Close that were called */
    int64_t session_since;
    bool opens_stream;
    SoakStream *stream;
    SoakProgram *program;
} Client;

/** client_main() - be one; @argv has the slot, the user's number and the seed */
int client_main(char *argv[]);

/** client_count() - add to a counter */
void client_count(Client *client, Counter counter, unsigned n);

/** client_faults() - FAULT_BITs of what may have been felt by what was sent at @sent and is
 * answered now */
uint32_t client_faults(Client *client, const Said *said, int64_t sent);

/**
 * client_loss_faults() - of those of client_faults(), what may be felt by a probe that nobody
 * answered
 * @faults: all of them
 *
 * One that takes packets is felt when the packet is sent, which was the probe's timeout ago; one by
 * which mtr-packet stands still, at the end: whatever has come until then it reads when it goes on.
 */
uint32_t client_loss_faults(Client *client, const Ask *ask, uint32_t faults);

/** client_note_verdict() - count it, and what was answered, and print it if it is false;
 * @what and @why are freed */
void client_note_verdict(Client *client, Verdict verdict, const Said *said, int64_t sent,
                         char *what, char *why);

/** client_note_outstanding() - @n more calls, or commands of a stream, wait for an answer */
void client_note_outstanding(Client *client, int n, bool commands);

/** client_look() - leave if that is what it waits for */
void client_look(Client *client);

/** client_chance() - true in so many of all cases */
bool client_chance(Client *client, double probability);
