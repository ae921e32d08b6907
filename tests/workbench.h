/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The scheduler alone, with an event loop and a scripted mtr-packet, which says who it is and what
 * it was given: for users that a bus would have to have, and for tens of thousands of probes.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "fake-packet.h"
#include "fixture.h"
#include "scheduler.h"

/* A probe or a question, and what came of it. */
typedef struct Asked {
    Job *job; /* until it is done */
    bool done;
    Outcome outcome; /* OUTCOME_OK, or why there is no answer */
    char word[32];
    int pid;                             /* of the process that was inspected */
    unsigned probes, questions, skipped; /* that it had been given */
    bool supported;
} Asked;

typedef struct Workbench {
    sd_event *event;
    Scheduler *scheduler;
    Statistics statistics;
    unsigned n_started; /* processes */
} Workbench;

/** workbench_main() - fixture_main() for tests that have a bench */
int workbench_main(int argc, char *argv[], void (*add_tests)(void));

/** workbench_new() - a scheduler that has no process yet */
Workbench *workbench_new(void);

/** workbench_free() - end it; what it still has must have been dropped */
void workbench_free(Workbench *bench);

/** probe_command() - a probe to 127.0.0.1, with a minute's timeout; @pattern: see fake-packet.h */
PacketCommand probe_command(ProbeProtocol protocol, uint32_t mark, int pattern);

/** submit() - have a command carried out; @asked is filled in as the loop runs */
void submit(Workbench *bench, Asked *asked, uid_t uid, const PacketCommand *command);

/** submit_probe() - the same for probe_command() */
void submit_probe(Workbench *bench, Asked *asked, uid_t uid, ProbeProtocol protocol, uint32_t mark,
                  int pattern);

/** submit_udp() - a UDP probe with ports, or PROBE_OPTION_UNSET; its user is @mark */
void submit_udp(Workbench *bench, Asked *asked, uint32_t mark, int pattern, const char *host,
                int port, int local_port);

/** send_many() - send @n probes that are answered at once, a few hundred at a time, of one user */
void send_many(Workbench *bench, unsigned n, ProbeProtocol protocol, uint32_t mark);

/** wait_for() - run the loop until this is answered */
void wait_for(Workbench *bench, const Asked *asked);

/** wait_gone() - run the loop until there is no such process any more */
void wait_gone(Workbench *bench, pid_t pid);

/** settle() - run the loop until it has nothing to do at once */
void settle(Workbench *bench);

/** inspect() - probe the process that a probe of this kind goes to, and return what it says */
Asked inspect(Workbench *bench, uid_t uid, ProbeProtocol protocol, uint32_t mark);

/** release() - have a fake answer what it keeps */
void release(pid_t pid);
