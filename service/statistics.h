/* SPDX-License-Identifier: MIT */
#pragma once

/* What the service has done since it was started, in numbers. */

#include <stdint.h>

#include "outcome.h"

/* Begins as zeros. Who does what is counted has a pointer to it, and counts. */
typedef struct Statistics {
    uint64_t probes_sent; /* written to mtr-packet; each is counted below once it has ended, unless
                             its process was lost, or it was sent again */
    uint64_t replies, ttl_expired, no_reply, other_results;
    uint64_t processes_started, processes_lost;
    uint64_t bytes_in, bytes_out;     /* from and to mtr-packet */
    uint64_t lookups;                 /* of names, by the system's resolver */
    uint64_t authorisation_questions; /* to polkit */
    uint64_t authorisation_prompts;   /* of those, that let it ask the user to authenticate */
    uint64_t calls_delayed;           /* since their user had sent too many a second */
    uint64_t streams_opened;
    uint64_t errors[OUTCOME_LAST + 1]; /* that calls, and commands of streams, were answered with */
} Statistics;

/** statistics_count_result() - a probe has ended with this word of mtr-packet's */
void statistics_count_result(Statistics *statistics, const char *word);

/**
 * statistics_get() - one counter, by its number from 0
 * @ret_name: its name, static
 * @ret_value: its value
 *
 * Return: 0, or -ENOENT behind the last. Those of errors are not among them.
 */
int statistics_get(const Statistics *statistics, unsigned number, const char **ret_name,
                   uint64_t *ret_value);
