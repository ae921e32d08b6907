/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the network of network.h answers to a probe, and what else may be answered while a fault is
 * about. Whatever is admitted beyond the one right answer has its reason here, and only here.
 */

#include "call.h"
#include "soak-ask.h"
#include "soak-board.h"

/*
 * FAULT_BITs of those that mtr-packet is lost to, or cannot be started for. A way that becomes
 * unreachable is one: mtr-packet dies of the answer that the kernel gives it then. The service asks
 * the kernel first, but keeps what that says for a second (routes.h).
 */
#define TRUTH_PACKET_FAULTS                                                                        \
    (FAULT_BIT(FAULT_KILL) | FAULT_BIT(FAULT_STOP) | FAULT_BIT(FAULT_RUSH) |                       \
     FAULT_BIT(FAULT_FORK) | FAULT_BIT(FAULT_CLOCK) | FAULT_BIT(FAULT_REJECT))

#define TRUTH_POLKIT_FAULTS (FAULT_BIT(FAULT_POLKIT_GONE) | FAULT_BIT(FAULT_POLKIT_STOP))

/* The service ends: without memory it may, which is announced a moment later. */
#define TRUTH_ENDS (FAULT_BIT(FAULT_SERVICE_GONE) | FAULT_BIT(FAULT_BUS) | FAULT_BIT(FAULT_MEMORY))

/* What was answered to a call or a command. */
typedef struct Said {
    const char *error, *message; /* of a D-Bus error, or NULL */
    bool success;
    const char *word;
    double time_ms;        /* NaN for none */
    const char *responder; /* "" for none */
    const char *address;   /* that was probed; NULL where nobody says it */
    int number;            /* errno, with unexpected-error; 0 for none */
    bool labels;           /* of MPLS */
} Said;

typedef enum Verdict {
    VERDICT_RIGHT,
    VERDICT_EXCUSED, /* by a fault */
    VERDICT_FALSE,
} Verdict;

/**
 * truth_of_probe() - judge the answer to a probe
 * @user: who has asked
 * @waited: how long, in seconds, for the answer
 * @faults: FAULT_BITs of those that may have been felt meanwhile
 * @ret_why: what was expected, to be freed, if the verdict is VERDICT_FALSE
 */
Verdict truth_of_probe(const Ask *ask, const SoakUser *user, const Said *said, double waited,
                       uint32_t faults, char **ret_why);

/**
 * truth_of_error() - judge the answer to a call that is no probe
 * @error: the error that it is to be, or NULL for none
 * @waits_for: FAULT_BITs of what the call depends on, beside bus and service
 */
Verdict truth_of_error(const char *error, const Said *said, double waited, uint32_t faults,
                       uint32_t waits_for);

/** truth_is_gone() - whether an error says that the service is not there, or has left */
bool truth_is_gone(const char *error);
