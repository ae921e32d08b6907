/* SPDX-License-Identifier: MIT */

#include "trace-view.h"

#include <stdio.h>
#include <unistd.h>

#include "trace-report.h"

void trace_view_init(TraceView *view, Ctl *ctl, const Trace *trace, const char *host,
                     ReverseNames *names)
{
    *view = (TraceView){
        .ctl = ctl,
        .trace = trace,
        .host = host,
        .names = names,
        .started = moment_now(),
        .style = style_get(),
        .next_ttl = trace->first_ttl,
    };
    progress_init(&view->progress, stdout, STDOUT_FILENO);
}

static const char *get_name(const char *address, void *userdata)
{
    const TraceView *view = userdata;

    return view->names ? reverse_names_get(view->names, address) : NULL;
}

static bool awaits_name(const TraceView *view, unsigned ttl)
{
    const Trace *trace = view->trace;

    for (unsigned i = 0; view->names && i < trace->queries; i++)
        if (reverse_names_is_awaited(view->names, trace_probe(trace, ttl, i)->report.responder))
            return true;
    return false;
}

static bool is_known(const TraceView *view, unsigned ttl)
{
    return trace_hop_is_known(view->trace, ttl) && !awaits_name(view, ttl);
}

static void show_head(TraceView *view)
{
    const char *address = view->has_head ? NULL : trace_report_address(view->trace);

    if (!address)
        return;
    view->has_head = true;
    trace_view_pause(view);
    trace_report_print_head(view->host, address, view->trace->max_ttl, stdout);
}

static void show_hop(TraceView *view, unsigned ttl)
{
    const TraceNames names = {get_name, view};

    trace_view_pause(view);
    trace_report_print_hop(view->trace, ttl, &names, &view->style, stdout);
}

/* Of a hop that is shown: why probes do not even get out. */
static int show_hint(TraceView *view, unsigned ttl)
{
    const ProbeReport *report = &trace_probe(view->trace, ttl, 0)->report;
    int r;

    if (view->has_hint || probe_report_is_sent(report))
        return 0;
    view->has_hint = true;
    r = ctl_flush(view->ctl); /* the hint comes behind it */
    if (r == 0)
        probe_report_print_hint(report, stderr);
    return r;
}

bool trace_view_is_complete(const TraceView *view)
{
    return view->next_ttl > view->trace->last_ttl;
}

void trace_view_pause(TraceView *view)
{
    progress_clear(&view->progress);
}

int trace_view_update(TraceView *view)
{
    bool is_text = view->ctl->json == JSON_OFF;
    char text[128];
    int r = 0;

    if (is_text)
        show_head(view);
    while (r == 0 && !trace_view_is_complete(view) && is_known(view, view->next_ttl)) {
        if (is_text)
            show_hop(view, view->next_ttl);
        r = show_hint(view, view->next_ttl);
        view->next_ttl++;
    }
    if (r == 0)
        r = ctl_flush(view->ctl);
    if (r == 0 && is_text && !trace_view_is_complete(view))
        progress_show(&view->progress,
                      trace_report_progress(view->trace, view->next_ttl, text, sizeof(text)));
    return r;
}

int trace_view_finish(TraceView *view)
{
    const TraceNames names = {get_name, view};
    Moment now = moment_now();
    unsigned last = view->trace->last_ttl;

    trace_view_pause(view);
    if (view->ctl->json != JSON_OFF)
        return ctl_print(
            view->ctl, trace_report_to_json(view->trace, view->host, &names, &view->started, &now));

    while (last >= view->next_ttl && trace_hop_ended(view->trace, last) == 0)
        last--;
    for (; view->next_ttl <= last; view->next_ttl++)
        show_hop(view, view->next_ttl);
    return ctl_flush(view->ctl);
}
