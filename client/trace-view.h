/* SPDX-License-Identifier: MIT */
#pragma once

/* What is shown of a trace while it goes on: each hop as soon as it, and all before it, are known;
 * on a terminal also what is waited for. As JSON it is all shown at the end. */

#include "ctl.h"
#include "progress.h"
#include "reverse-names.h"
#include "style.h"
#include "trace.h"

typedef struct TraceView {
    /* borrowed: */
    Ctl *ctl;
    const Trace *trace;
    const char *host;
    ReverseNames *names; /* NULL if addresses only are shown */

    Moment started;
    Style style;
    Progress progress;
    unsigned next_ttl; /* of the hop that is shown next */
    bool has_head;     /* it is shown what is traced */
    bool has_hint;     /* what may help has been said */
} TraceView;

/** trace_view_init() - begin a view of a trace that begins */
void trace_view_init(TraceView *view, Ctl *ctl, const Trace *trace, const char *host,
                     ReverseNames *names);

/**
 * trace_view_update() - show what has come to be known, of the trace or of names
 *
 * Return: 0 or an exit status, see ctl_flush().
 */
int trace_view_update(TraceView *view);

/** trace_view_is_complete() - whether all hops are shown */
bool trace_view_is_complete(const TraceView *view);

/** trace_view_pause() - take away what does not stay, before something else is written */
void trace_view_pause(TraceView *view);

/**
 * trace_view_finish() - show the rest: hops of which not all is known, or the document
 *
 * Return: as trace_view_update().
 */
int trace_view_finish(TraceView *view);
