/* SPDX-License-Identifier: MIT */
#pragma once

/* What came of the probes of a ping, in figures. */

#include <stdio.h>

#include "probe-report.h"

/* Begins as zeros. */
typedef struct PingSummary {
    unsigned n_sent;
    unsigned n_ended;    /* answered, or their timeout has passed */
    unsigned n_replies;  /* of those, from the target */
    unsigned n_no_reply; /* of those */
    unsigned n_failed;   /* the service could not send or watch them: they tell nothing of the
                            network */
    unsigned n_times;    /* replies with a round-trip time, which these are of, in ms */
    double min, max, mean, sum_of_squares; /* the last one of the differences from the mean */
    char address[64];                      /* what was probed last; "" before it is known */
} PingSummary;

/** ping_summary_add() - a probe has ended */
void ping_summary_add(PingSummary *summary, const ProbeReport *report);

/** ping_summary_loss() - of the probes that have ended, how many percent had no reply; 0 before the
 * first */
double ping_summary_loss(const PingSummary *summary);

/** ping_summary_deviation() - the standard deviation of the round-trip times, in ms */
double ping_summary_deviation(const PingSummary *summary);

/** ping_summary_print() - write the two lines, or one where there are no times, that a person reads
 */
void ping_summary_print(const PingSummary *summary, const char *host, FILE *file);

/** ping_summary_to_json() - it as a document. Return: a new reference, or NULL if memory is out. */
json_t *ping_summary_to_json(const PingSummary *summary, const char *host, const Moment *started,
                             const Moment *ended);
