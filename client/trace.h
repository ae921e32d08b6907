/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A trace: which probes it takes, and what is known of the hops. It sends nothing itself.
 *
 * All hops are probed at once. The trace ends at the target, which answers the probes of all
 * greater hop limits too, or where all answers of a hop say that there is no way on; so what is not
 * known of later hops is of no interest then, and not waited for.
 */

#include <stdbool.h>

#include "probe-report.h"

#define TRACE_TTL_MAX 255
#define TRACE_QUERIES_MAX 100

typedef struct TraceProbe {
    bool sent, ended;
    ProbeReport report; /* once it has ended */
} TraceProbe;

typedef struct Trace {
    unsigned first_ttl, max_ttl;
    unsigned last_ttl; /* max_ttl, or the target's, or that of the hop where it ends */
    unsigned queries;  /* probes for each hop */
    unsigned rounds;   /* of them, how many may be sent by now */
    bool is_reached;   /* the target has answered */
    TraceProbe *probes;
} Trace;

/**
 * trace_new() - make one
 * @first_ttl, @max_ttl: the hop limits of its probes, 1-255
 * @queries: probes for each hop, 1-100
 * @all_at_once: or in rounds of one for each hop; the first may be sent, trace_next_round() lets
 *   the next be sent
 *
 * Return: 0 or a negative errno.
 */
int trace_new(Trace **ret, unsigned first_ttl, unsigned max_ttl, unsigned queries,
              bool all_at_once);

/** trace_free() - return NULL */
Trace *trace_free(Trace *trace);

/** trace_next_round() - one more probe of each hop may be sent. False if there is none. */
bool trace_next_round(Trace *trace);

/**
 * trace_next() - the next probe that may be sent; it counts as sent
 * @ret_number: the probe's
 * @ret_ttl: its hop limit
 *
 * The probes of one hop come together: of the answers that the target limits it sends those first
 * that are to be seen.
 *
 * Return: whether there is one.
 */
bool trace_next(Trace *trace, unsigned *ret_number, unsigned *ret_ttl);

/** trace_ttl() - the hop limit of a probe */
unsigned trace_ttl(const Trace *trace, unsigned number);

/** trace_answer() - a probe has ended; @report is taken over */
void trace_answer(Trace *trace, unsigned number, ProbeReport *report);

/** trace_probe() - a probe of a hop, by its number from 0 */
const TraceProbe *trace_probe(const Trace *trace, unsigned ttl, unsigned query);

/** trace_hop_is_known() - whether all probes of a hop have ended */
bool trace_hop_is_known(const Trace *trace, unsigned ttl);

/** trace_hop_ended() - how many of its probes have */
unsigned trace_hop_ended(const Trace *trace, unsigned ttl);
