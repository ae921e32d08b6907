/* SPDX-License-Identifier: MIT */

#include "ping-summary.h"

#include <math.h>
#include <string.h>

#include "plain-text.h"

/* In one pass, and good for differences of a microsecond in a mean of minutes. */
static void add_time(PingSummary *summary, double ms)
{
    double before = ms - summary->mean;

    summary->n_times++;
    if (summary->n_times == 1 || ms < summary->min)
        summary->min = ms;
    if (summary->n_times == 1 || ms > summary->max)
        summary->max = ms;
    summary->mean += before / summary->n_times;
    summary->sum_of_squares += before * (ms - summary->mean);
}

void ping_summary_add(PingSummary *summary, const ProbeReport *report)
{
    summary->n_ended++;
    if (report->success)
        summary->n_replies++;
    else if (strcmp(report->result, "no-reply") == 0)
        summary->n_no_reply++;
    if (report->success && !isnan(report->time_ms))
        add_time(summary, report->time_ms);
    snprintf(summary->address, sizeof(summary->address), "%s", report->address);
}

double ping_summary_loss(const PingSummary *summary)
{
    if (summary->n_ended == 0)
        return 0;
    return 100.0 * (summary->n_ended - summary->n_replies) / summary->n_ended;
}

double ping_summary_deviation(const PingSummary *summary)
{
    return summary->n_times > 0 ? sqrt(summary->sum_of_squares / summary->n_times) : 0;
}

static unsigned n_open(const PingSummary *summary)
{
    return summary->n_sent - summary->n_ended - summary->n_failed;
}

static unsigned n_others(const PingSummary *summary)
{
    return summary->n_ended - summary->n_replies - summary->n_no_reply;
}

void ping_summary_print(const PingSummary *summary, const char *host, FILE *file)
{
    double loss = ping_summary_loss(summary);

    fprintf(file, "\n%s", host);
    if (summary->address[0] && strcmp(host, summary->address) != 0) {
        fputs(" (", file);
        plain_text_print(summary->address, file);
        putc(')', file);
    }
    fprintf(file, ": %u probe%s, %u repl%s", summary->n_sent, summary->n_sent == 1 ? "" : "s",
            summary->n_replies, summary->n_replies == 1 ? "y" : "ies");
    if (n_others(summary) > 0)
        fprintf(file, ", %u other result%s", n_others(summary), n_others(summary) == 1 ? "" : "s");
    if (summary->n_failed > 0)
        fprintf(file, ", %u failed", summary->n_failed);
    if (n_open(summary) > 0)
        fprintf(file, ", %u not answered yet", n_open(summary));
    /* Nothing but nothing is 0, and nothing but all is 100. */
    if (summary->n_ended > 0)
        fprintf(file, ", %.*f%% loss",
                summary->n_replies == 0 || summary->n_replies == summary->n_ended ? 0 : 1,
                fmax(fmin(loss, summary->n_replies > 0 ? 99.9 : 100),
                     summary->n_replies < summary->n_ended ? 0.1 : 0));
    putc('\n', file);
    if (summary->n_times > 0)
        fprintf(file, "round trip min/avg/max/mdev %.3f/%.3f/%.3f/%.3f ms\n", summary->min,
                summary->mean, summary->max, ping_summary_deviation(summary));
}

json_t *ping_summary_to_json(const PingSummary *summary, const char *host, const Moment *started,
                             const Moment *ended)
{
    json_t *document = document_new("summary", started, ended);
    json_t *times = summary->n_times == 0 ? json_null()
                                          : json_pack("{s:f, s:f, s:f, s:f}", "min", summary->min,
                                                      "avg", summary->mean, "max", summary->max,
                                                      "mdev", ping_summary_deviation(summary));
    json_t *loss = summary->n_ended > 0 ? json_real(ping_summary_loss(summary)) : json_null();
    json_t *values =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "host", host, "address",
                  summary->address, "probes", (json_int_t)summary->n_sent, "replies",
                  (json_int_t)summary->n_replies, "no_reply", (json_int_t)summary->n_no_reply,
                  "other", (json_int_t)n_others(summary), "failed", (json_int_t)summary->n_failed,
                  "open", (json_int_t)n_open(summary), "loss_percent", loss, "time_ms", times);

    if (!document || !values || json_object_update(document, values) < 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(values);
    return document;
}
