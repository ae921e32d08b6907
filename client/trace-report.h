/* SPDX-License-Identifier: MIT */
#pragma once

/* A trace as a person reads it, and as JSON. */

#include "style.h"
#include "trace.h"

/* Who knows the names of responders. Gives NULL where there is none. */
typedef struct TraceNames {
    const char *(*get)(const char *address, void *userdata);
    void *userdata;
} TraceNames;

/** trace_report_address() - the address that is probed, which each answer has; NULL before the
 * first */
const char *trace_report_address(const Trace *trace);

/** trace_report_print_head() - write the line above the hops */
void trace_report_print_head(const char *host, const char *address, unsigned max_ttl, FILE *file);

/**
 * trace_report_print_hop() - write what is known of a hop
 *
 * The first line has its first responder, and what had no answer ("*") or is not known yet ("?");
 * each further responder has a line, and each label stack one under its responder.
 */
void trace_report_print_hop(const Trace *trace, unsigned ttl, const TraceNames *names,
                            const Style *style, FILE *file);

/**
 * trace_report_progress() - one line that says what is waited for
 * @ttl: the hop to be shown next
 * @text: filled in
 *
 * Return: @text.
 */
const char *trace_report_progress(const Trace *trace, unsigned ttl, char *text, size_t size);

/**
 * trace_report_to_json() - all of it as a document
 * @ended: when it ended, or was interrupted: then it is not complete
 *
 * Return: a new reference, or NULL if memory is out.
 */
json_t *trace_report_to_json(const Trace *trace, const char *host, const TraceNames *names,
                             const Moment *started, const Moment *ended);
