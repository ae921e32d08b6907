/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>

#include "prober.h"
#include "reverse-names.h"
#include "syntax.h"
#include "trace-view.h"
#include "util.h"
#include "verbs.h"

/* As --help has them */
#define MAX_TTL_DEFAULT 30
#define QUERIES_DEFAULT 3
#define TIMEOUT_DEFAULT "5"

typedef struct TraceRun {
    Ctl *ctl;
    const char *host;
    ProbeArguments arguments;
    unsigned first_ttl, max_ttl, queries;
    uint64_t interval_usec; /* from one round of probes to the next; 0: all at once */
    bool numeric;           /* names are not looked up */

    sd_event *event;
    sd_event_source *timer; /* for the next round */
    uint64_t next_usec;     /* when that is, by CLOCK_MONOTONIC */
    Prober *prober;
    ReverseNames *names; /* NULL if numeric */
    Trace *trace;
    TraceView view;
    unsigned n_ended; /* probes */
    int status;       /* of what ended it; 0 if nothing is wrong */
} TraceRun;

static void help(void)
{
    printf("mtrpacketctl trace [OPTIONS...] HOST\n\n"
           "Show the hops on the way to HOST, an IPv4 or IPv6 address or a name: probe all\n"
           "at once, and show each as soon as it is known. It stops at HOST.\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP
           "  -n --numeric              Do not look up the names of responders\n"
           "     --first-ttl=N          Hop to begin with, 1-255 (default: 1)\n"
           "     --max-ttl=N            Hop to end with, from there to 255 (default: 30)\n"
           "     --queries=N            Probes for each hop, 1-100 (default: 3)\n"
           "  -i --interval=SECONDS     Time from one probe of a hop to its next, 0-3600,\n"
           "                            parts too (default: 0)\n" PROBE_ARGUMENTS_HELP_IP
               PROBE_ARGUMENTS_HELP(
                   TIMEOUT_DEFAULT) "\n"
                                    "No answer is *, and no answer yet, at Ctrl-C, is ?.\n\n"
                                    "Exit status: 0 if HOST was reached, 1 if not; others as "
                                    "mtrpacketctl has.\n");
}

enum {
    OPTION_FIRST_TTL = 0x200,
    OPTION_MAX_TTL,
    OPTION_QUERIES,
};

static bool take(int option, const char *argument, void *userdata)
{
    TraceRun *run = userdata;

    switch (option) {
    case 'i':
        return syntax_seconds("interval", argument, 0, 3600, &run->interval_usec);
    case 'n':
        run->numeric = true;
        return true;
    case OPTION_FIRST_TTL:
        return syntax_integer("first-ttl", argument, 1, TRACE_TTL_MAX, &run->first_ttl);
    case OPTION_MAX_TTL:
        return syntax_integer("max-ttl", argument, 1, TRACE_TTL_MAX, &run->max_ttl);
    case OPTION_QUERIES:
        return syntax_integer("queries", argument, 1, TRACE_QUERIES_MAX, &run->queries);
    default:
        return probe_arguments_take(&run->arguments, option, argument);
    }
}

static void stop(TraceRun *run, int status)
{
    run->status = status;
    (void)sd_event_exit(run->event, 0); /* fails for loops that have ended only */
}

/* Shows what is new, and ends when there is no more to come. */
static void show(TraceRun *run)
{
    int r = trace_view_update(&run->view);

    if (r != 0 || trace_view_is_complete(&run->view))
        stop(run, r);
}

/*
 * What is sent, and comes
 */

static void send_more(TraceRun *run)
{
    unsigned number, ttl;
    int r = 0;

    while (r == 0 && prober_waiting(run->prober) < PROBER_WAITING_MAX &&
           trace_next(run->trace, &number, &ttl))
        r = prober_send(run->prober, number, ttl);
    if (r != 0)
        stop(run, r); /* it has been said why */
}

static void on_answered(unsigned number, ProbeReport *report, void *userdata)
{
    TraceRun *run = userdata;

    run->n_ended++;
    if (run->names && trace_ttl(run->trace, number) <= run->trace->last_ttl)
        reverse_names_ask(run->names, report->responder);
    trace_answer(run->trace, number, report);
    send_more(run);
    show(run);
}

/* Of hops behind the target it is of no interest. */
static void on_refused(unsigned number, const sd_bus_error *error, int r, void *userdata)
{
    TraceRun *run = userdata;

    if (trace_ttl(run->trace, number) > run->trace->last_ttl)
        return;
    trace_view_pause(&run->view);
    (void)fflush(stdout);
    stop(run, ctl_refused(run->ctl, error, r));
}

static void on_name(void *userdata)
{
    show(userdata);
}

static int on_round(sd_event_source *source, uint64_t usec, void *userdata)
{
    TraceRun *run = userdata;
    uint64_t now;
    int r = 0;

    if (trace_next_round(run->trace)) {
        send_more(run);
        (void)sd_event_now(run->event, CLOCK_MONOTONIC, &now);
        run->next_usec += run->interval_usec;
        if (run->next_usec < now) /* what was late is not made up for */
            run->next_usec = now;
        r = sd_event_source_set_time(source, run->next_usec);
        if (r >= 0)
            r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    if (r < 0)
        stop(run, ctl_internal_error("set a timer", r));
    return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    stop(userdata, 0);
    return 0;
}

/*
 * The whole
 */

static int prepare(TraceRun *run)
{
    static const ProberEvents events = {.answered = on_answered, .refused = on_refused};
    int r;

    r = ctl_event_new(run->ctl, &run->event, on_signal, run);
    if (r != 0)
        return r;
    r = trace_new(&run->trace, run->first_ttl, run->max_ttl, run->queries, run->interval_usec == 0);
    if (r >= 0)
        r = prober_new(&run->prober, run->ctl, run->host, &run->arguments, &events, run);
    if (r >= 0 && !run->numeric)
        r = reverse_names_new(&run->names, run->event, on_name, run);
    if (r >= 0) {
        trace_view_init(&run->view, run->ctl, run->trace, run->host, run->names);
        r = sd_event_now(run->event, CLOCK_MONOTONIC, &run->next_usec);
    }
    run->next_usec += run->interval_usec;
    if (r >= 0 && run->interval_usec > 0)
        r = sd_event_add_time(run->event, &run->timer, CLOCK_MONOTONIC, run->next_usec, 1, on_round,
                              run);
    return r < 0 ? ctl_internal_error("prepare to probe", r) : 0;
}

static int trace(TraceRun *run)
{
    bool is_complete;
    int r;

    r = ctl_connect(run->ctl);
    if (r == 0)
        r = prepare(run);
    if (r != 0)
        return r;

    send_more(run);
    if (run->status == 0)
        r = sd_event_loop(run->event);
    trace_view_pause(&run->view);
    if (r < 0)
        return ctl_internal_error("run the event loop", r);

    is_complete = run->status == 0 && trace_view_is_complete(&run->view);
    if (run->ctl->ending.signal == 0 && !ferror(stdout) && (run->status == 0 || run->n_ended > 0))
        r = trace_view_finish(&run->view);
    if (run->status != 0 || r != 0)
        return run->status != 0 ? run->status : r;
    return run->trace->is_reached && is_complete ? CTL_EXIT_OK : CTL_EXIT_OTHER;
}

static bool check(const TraceRun *run)
{
    if (run->first_ttl <= run->max_ttl)
        return true;
    fprintf(stderr, "option first-ttl is %u, no more than max-ttl, which is %u, is expected\n",
            run->first_ttl, run->max_ttl);
    return false;
}

int verb_trace(Ctl *ctl, int argc, char *argv[])
{
    static const struct option options[] = {
        {"first-ttl", required_argument, NULL, OPTION_FIRST_TTL},
        {"interval", required_argument, NULL, 'i'},
        {"max-ttl", required_argument, NULL, OPTION_MAX_TTL},
        {"numeric", no_argument, NULL, 'n'},
        {"queries", required_argument, NULL, OPTION_QUERIES},
        {0},
    };
    static const Syntax syntax = {
        .command = "trace",
        .help = help,
        .letters = "i:n" PROBE_ARGUMENT_LETTERS,
        .tables = {options, probe_argument_options},
        .take = take,
        .n_arguments = 1,
        .argument = "host",
    };
    TraceRun run = {
        .ctl = ctl,
        .arguments.values[PROBE_ARGUMENT_TIMEOUT] = TIMEOUT_DEFAULT,
        .first_ttl = 1,
        .max_ttl = MAX_TTL_DEFAULT,
        .queries = QUERIES_DEFAULT,
    };
    int r;

    r = syntax_parse(&syntax, ctl, argc, argv, &run);
    if (r != 0)
        return r - 1;
    if (!check(&run))
        return CTL_EXIT_ARGUMENTS;
    run.host = argv[optind];

    r = trace(&run);
    prober_free(run.prober);
    ctl->has_threads = run.names && reverse_names_is_running(run.names);
    reverse_names_free(run.names);
    trace_free(run.trace);
    sd_event_source_disable_unref(run.timer);
    (void)sd_bus_detach_event(ctl->bus);
    sd_event_unref(run.event);
    return r;
}
