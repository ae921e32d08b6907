/* SPDX-License-Identifier: MIT */

#include "trace-report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "plain-text.h"
#include "util.h"

/* Where lines begin that belong to the hop above, and those that belong to a responder. */
#define HOP_INDENT "    "
#define RESPONDER_INDENT "      "

const char *trace_report_address(const Trace *trace)
{
    for (unsigned ttl = trace->first_ttl; ttl <= trace->max_ttl; ttl++)
        for (unsigned i = 0; i < trace->queries; i++)
            if (trace_probe(trace, ttl, i)->ended)
                return trace_probe(trace, ttl, i)->report.address;
    return NULL;
}

void trace_report_print_head(const char *host, const char *address, unsigned max_ttl, FILE *file)
{
    fprintf(file, "trace to %s", host);
    if (address[0] && strcmp(address, host) != 0) {
        fputs(" (", file);
        plain_text_print(address, file);
        putc(')', file);
    }
    fprintf(file, ", up to %u hop%s\n", max_ttl, max_ttl == 1 ? "" : "s");
}

static void print_responder(const char *address, const TraceNames *names, const Style *style,
                            FILE *file)
{
    const char *name = names->get(address, names->userdata);

    fputs(style->bold, file);
    plain_text_print(name ? name : address, file);
    fputs(style->end, file);
    if (name)
        fprintf(file, " (%s)", address); /* which was looked up, so it is one */
}

/* What one probe tells, beside who answered. */
static void print_probe(const ProbeReport *report, const Style *style, FILE *file)
{
    if (strcmp(report->result, "no-reply") == 0) {
        fprintf(file, "  %s*%s", style->bad, style->end);
        return;
    }
    if (!isnan(report->time_ms))
        fprintf(file, "  %.3f ms", report->time_ms);
    if (!report->success && strcmp(report->result, "ttl-expired") != 0) {
        fprintf(file, "  %s", style->bad);
        plain_text_print(report->result, file);
        fputs(style->end, file);
    }
}

static bool is_from(const TraceProbe *probe, const char *responder)
{
    return probe->ended && strcmp(probe->report.responder, responder) == 0;
}

static bool have_same_labels(const ProbeReport *one, const ProbeReport *other)
{
    if (one->n_labels != other->n_labels)
        return false;
    for (size_t i = 0; i < one->n_labels; i++) {
        const ReportLabel *a = &one->labels[i], *b = &other->labels[i];

        if (a->label != b->label || a->traffic_class != b->traffic_class ||
            a->bottom_of_stack != b->bottom_of_stack || a->ttl != b->ttl)
            return false;
    }
    return true;
}

/* Each label stack that the responder of probe FIRST reported, once. */
static void print_labels(const Trace *trace, unsigned ttl, unsigned first, FILE *file)
{
    const char *responder = trace_probe(trace, ttl, first)->report.responder;

    for (unsigned i = first; i < trace->queries; i++) {
        const TraceProbe *probe = trace_probe(trace, ttl, i);
        bool is_new = is_from(probe, responder) && probe->report.n_labels > 0;

        for (unsigned j = first; is_new && j < i; j++)
            is_new = !is_from(trace_probe(trace, ttl, j), responder) ||
                     !have_same_labels(&trace_probe(trace, ttl, j)->report, &probe->report);
        if (!is_new)
            continue;
        fputs(RESPONDER_INDENT, file);
        probe_report_print_labels(&probe->report, file);
        putc('\n', file);
    }
}

/* Whether a probe is the first that its responder answered. */
static bool is_first_of_responder(const Trace *trace, unsigned ttl, unsigned query)
{
    const TraceProbe *probe = trace_probe(trace, ttl, query);

    if (!probe->ended || !probe->report.responder[0])
        return false;
    for (unsigned i = 0; i < query; i++)
        if (is_from(trace_probe(trace, ttl, i), probe->report.responder))
            return false;
    return true;
}

/* The times of a responder; with them, if there is none before it, all that nobody answered. */
static void print_line(const Trace *trace, unsigned ttl, const char *responder, bool is_first,
                       const Style *style, FILE *file)
{
    for (unsigned i = 0; i < trace->queries; i++) {
        const TraceProbe *probe = trace_probe(trace, ttl, i);

        if (is_from(probe, responder) || (is_first && is_from(probe, "")))
            print_probe(&probe->report, style, file);
        else if (is_first && !probe->ended)
            fputs("  ?", file);
    }
    putc('\n', file);
}

void trace_report_print_hop(const Trace *trace, unsigned ttl, const TraceNames *names,
                            const Style *style, FILE *file)
{
    bool is_first = true;

    fprintf(file, "%2u", ttl);
    for (unsigned i = 0; i < trace->queries; i++) {
        const char *responder = trace_probe(trace, ttl, i)->report.responder;

        if (!is_first_of_responder(trace, ttl, i))
            continue;
        fputs(is_first ? "  " : HOP_INDENT, file);
        print_responder(responder, names, style, file);
        print_line(trace, ttl, responder, is_first, style, file);
        print_labels(trace, ttl, i, file);
        is_first = false;
    }
    if (is_first)
        print_line(trace, ttl, "", true, style, file);
}

const char *trace_report_progress(const Trace *trace, unsigned ttl, char *text, size_t size)
{
    int n = snprintf(text, size, "%2u  waiting, %u of %u answered", ttl,
                     trace_hop_ended(trace, ttl), trace->queries);

    if (trace->is_reached && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n, "; the target is hop %u", trace->last_ttl);
    return text;
}

/*
 * JSON
 */

static json_t *probe_to_json(const TraceProbe *probe)
{
    json_t *object = json_pack("{s:o, s:o}", "started", moment_to_json(&probe->report.started),
                               "ended", moment_to_json(&probe->report.ended));

    if (object && probe_report_add_json(&probe->report, object) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Returns a new reference, or NULL. */
static json_t *hop_to_json(const Trace *trace, unsigned ttl)
{
    json_t *probes = json_array();
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < trace->queries; i++)
        if (trace_probe(trace, ttl, i)->ended)
            r = json_array_append_new(probes, probe_to_json(trace_probe(trace, ttl, i)));
    if (r < 0) {
        json_decref(probes);
        return NULL;
    }
    return json_pack("{s:i, s:o}", "ttl", (int)ttl, "probes", probes);
}

/* Adds the name of each responder of a hop that has one. */
static int add_names(const Trace *trace, unsigned ttl, const TraceNames *names, json_t *object)
{
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < trace->queries; i++) {
        const TraceProbe *probe = trace_probe(trace, ttl, i);
        const char *name = NULL;

        if (probe->ended && probe->report.responder[0])
            name = names->get(probe->report.responder, names->userdata);
        if (name)
            r = json_object_set_new(object, probe->report.responder, json_string(name));
    }
    return r;
}

json_t *trace_report_to_json(const Trace *trace, const char *host, const TraceNames *names,
                             const Moment *started, const Moment *ended)
{
    json_t *document = document_new("trace", started, ended);
    json_t *hops = json_array(), *found = json_object(), *values;
    const char *address = trace_report_address(trace);
    bool is_complete = true;
    int r = document ? 0 : -ENOMEM;

    for (unsigned ttl = trace->first_ttl; r >= 0 && ttl <= trace->last_ttl; ttl++) {
        is_complete &= trace_hop_is_known(trace, ttl);
        r = json_array_append_new(hops, hop_to_json(trace, ttl));
        if (r >= 0)
            r = add_names(trace, ttl, names, found);
    }

    values = json_pack("{s:s, s:s, s:b, s:b, s:o, s:o}", "host", host, "address",
                       address ? address : "", "reached", (int)trace->is_reached, "complete",
                       (int)is_complete, "names", found, "hops", hops);
    if (r < 0 || !values || json_object_update(document, values) < 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(values);
    return document;
}
