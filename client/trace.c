/* SPDX-License-Identifier: MIT */

#include "trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

DEFINE_CLEANUP(Trace *, trace_free)

static unsigned n_probes(const Trace *trace)
{
    return (trace->max_ttl - trace->first_ttl + 1) * trace->queries;
}

static TraceProbe *hop(const Trace *trace, unsigned ttl)
{
    assert(ttl >= trace->first_ttl);
    return trace->probes + (ttl - trace->first_ttl) * trace->queries;
}

int trace_new(Trace **ret, unsigned first_ttl, unsigned max_ttl, unsigned queries, bool all_at_once)
{
    _cleanup_(trace_freep) Trace *trace = NULL;

    assert(first_ttl > 0 && first_ttl <= max_ttl && max_ttl <= TRACE_TTL_MAX);
    assert(queries > 0 && queries <= TRACE_QUERIES_MAX);
    trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    *trace = (Trace){
        .first_ttl = first_ttl,
        .max_ttl = max_ttl,
        .last_ttl = max_ttl,
        .queries = queries,
        .rounds = all_at_once ? queries : 1,
    };
    trace->probes = calloc(n_probes(trace), sizeof(*trace->probes));
    if (!trace->probes)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed as its scope ends */
        return -ENOMEM;

    *ret = TAKE_PTR(trace);
    return 0;
}

Trace *trace_free(Trace *trace)
{
    if (!trace)
        return NULL;
    for (unsigned i = 0; trace->probes && i < n_probes(trace); i++)
        probe_report_clear(&trace->probes[i].report);
    free(trace->probes);
    free(trace);
    return NULL;
}

bool trace_next_round(Trace *trace)
{
    if (trace->rounds == trace->queries)
        return false;
    trace->rounds++;
    return true;
}

bool trace_next(Trace *trace, unsigned *ret_number, unsigned *ret_ttl)
{
    for (unsigned ttl = trace->first_ttl; ttl <= trace->last_ttl; ttl++) {
        for (unsigned i = 0; i < trace->rounds; i++) {
            TraceProbe *probe = &hop(trace, ttl)[i];

            if (probe->sent)
                continue;
            probe->sent = true;
            *ret_number = (unsigned)(probe - trace->probes);
            *ret_ttl = ttl;
            return true;
        }
    }
    return false;
}

const TraceProbe *trace_probe(const Trace *trace, unsigned ttl, unsigned query)
{
    assert(query < trace->queries);
    return &hop(trace, ttl)[query];
}

unsigned trace_hop_ended(const Trace *trace, unsigned ttl)
{
    unsigned n = 0;

    for (unsigned i = 0; i < trace->queries; i++)
        n += hop(trace, ttl)[i].ended;
    return n;
}

bool trace_hop_is_known(const Trace *trace, unsigned ttl)
{
    return trace_hop_ended(trace, ttl) == trace->queries;
}

/* Whether a probe's result tells nothing of the way: nobody answered, or the machine that sends was
 * busy when this one was to be sent. */
static bool tells_nothing(const char *result)
{
    static const char *const results[] = {"no-reply", "address-in-use", "address-not-available",
                                          "unexpected-error"};

    for (size_t i = 0; i < ELEMENTS(results); i++)
        if (strcmp(result, results[i]) == 0)
            return true;
    return false;
}

/* Whether there is no way on from a hop: its probes ended with something else than expiring, or
 * told nothing of the way. One that expired here went on with a greater limit. */
static bool is_dead_end(const Trace *trace, unsigned ttl)
{
    bool is_other = false;

    for (unsigned i = 0; i < trace->queries; i++) {
        const char *result = hop(trace, ttl)[i].report.result;

        if (strcmp(result, "ttl-expired") == 0)
            return false;
        is_other |= !tells_nothing(result);
    }
    return is_other;
}

/* The target ends it, whatever hops before it say: they may let some through. Else the first dead
 * end does, once all is known of the hops before. */
static void find_end(Trace *trace)
{
    if (trace->is_reached)
        return;
    for (unsigned ttl = trace->first_ttl; ttl <= trace->last_ttl; ttl++) {
        if (!trace_hop_is_known(trace, ttl))
            return;
        if (is_dead_end(trace, ttl))
            trace->last_ttl = ttl;
    }
}

unsigned trace_ttl(const Trace *trace, unsigned number)
{
    return trace->first_ttl + number / trace->queries;
}

void trace_answer(Trace *trace, unsigned number, ProbeReport *report)
{
    unsigned ttl = trace_ttl(trace, number);
    TraceProbe *probe = &trace->probes[number];

    assert(number < n_probes(trace) && probe->sent && !probe->ended);
    probe->ended = true;
    probe->report = *report;
    *report = (ProbeReport){0};

    if (probe->report.success && ttl <= trace->last_ttl) {
        trace->is_reached = true;
        trace->last_ttl = ttl;
    }
    find_end(trace);
}
