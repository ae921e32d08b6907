/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ping-summary.h"
#include "prober.h"
#include "syntax.h"
#include "util.h"
#include "verbs.h"

#define INTERVAL_USEC_DEFAULT (1000 * 1000)

typedef struct Ping {
    Ctl *ctl;
    const char *host;
    ProbeArguments arguments;
    unsigned count; /* 0: until it is stopped */
    uint64_t interval_usec;

    sd_event *event;
    sd_event_source *timer; /* for the next probe */
    Prober *prober;
    uint64_t next_usec; /* when the next probe is due, by CLOCK_MONOTONIC */
    bool is_held;       /* it was due when as many waited as may */
    Moment started;
    PingSummary summary;
    bool has_hint; /* what may help has been said */
    int status;    /* of what ended it; 0 if nothing is wrong */
} Ping;

static void help(void)
{
    printf("mtrpacketctl ping [OPTIONS...] HOST\n\n"
           "Send probes to HOST, an IPv4 or IPv6 address or a name, one after the other,\n"
           "and show each result; then losses and round-trip times. It ends with Ctrl-C.\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP
           "  -c --count=N              Stop after N probes and their answers,\n"
           "                            1-4294967295\n"
           "  -i --interval=SECONDS     Time from one probe to the next, 0.001-3600, parts\n"
           "                            too (default: 1)\n" PROBE_ARGUMENTS_HELP_IP
               PROBE_ARGUMENTS_HELP_TTL PROBE_ARGUMENTS_HELP(
                   "10") "\n"
                         "Exit status: 0 if there was a reply, 1 if not; others as mtrpacketctl "
                         "has.\n");
}

static bool take(int option, const char *argument, void *userdata)
{
    Ping *ping = userdata;

    if (option == 'c')
        return syntax_integer("count", argument, 1, UINT32_MAX, &ping->count);
    if (option == 'i')
        return syntax_seconds("interval", argument, 0.001, 3600, &ping->interval_usec);
    return probe_arguments_take(&ping->arguments, option, argument);
}

static void stop(Ping *ping, int status)
{
    ping->status = status;
    (void)sd_event_exit(ping->event, 0); /* fails for loops that have ended only */
}

static bool has_sent_all(const Ping *ping)
{
    return ping->count > 0 && ping->summary.n_sent == ping->count;
}

/* Sends the next probe. The one after it is due an interval later; what was late is not made up
 * for. */
static void send_next(Ping *ping)
{
    uint64_t now;
    int r;

    ping->is_held = prober_waiting(ping->prober) == PROBER_WAITING_MAX;
    if (ping->is_held)
        return;
    r = prober_send(ping->prober, ping->summary.n_sent + 1, 0);
    if (r != 0) {
        stop(ping, r);
        return;
    }
    ping->summary.n_sent++;
    if (has_sent_all(ping))
        return;

    (void)sd_event_now(ping->event, CLOCK_MONOTONIC, &now);
    ping->next_usec += ping->interval_usec;
    if (ping->next_usec < now)
        ping->next_usec = now;
    r = sd_event_source_set_time(ping->timer, ping->next_usec);
    if (r >= 0)
        r = sd_event_source_set_enabled(ping->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        stop(ping, ctl_internal_error("set a timer", r));
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    send_next(userdata);
    return 0;
}

/* A probe has ended, however: what follows from it. */
static void go_on(Ping *ping)
{
    if (ping->is_held)
        send_next(ping);
    if (has_sent_all(ping) && prober_waiting(ping->prober) == 0)
        stop(ping, ping->status);
}

static json_t *to_json(const Ping *ping, unsigned number, const ProbeReport *report)
{
    json_t *document = document_new("probe", &report->started, &report->ended);

    if (document && (json_object_set_new(document, "host", json_string(ping->host)) < 0 ||
                     json_object_set_new(document, "seq", json_integer(number)) < 0 ||
                     probe_report_add_json(report, document) < 0)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

static int show(Ping *ping, unsigned number, const ProbeReport *report)
{
    if (ping->ctl->json != JSON_OFF)
        return ctl_print(ping->ctl, to_json(ping, number, report));

    printf("%u: ", number);
    probe_report_print(report, stdout);
    return ctl_flush(ping->ctl);
}

static void on_answered(unsigned number, ProbeReport *report, void *userdata)
{
    Ping *ping = userdata;
    int r;

    ping_summary_add(&ping->summary, report);
    r = show(ping, number, report);
    if (r != 0) {
        stop(ping, r);
        return;
    }
    if (!ping->has_hint && !probe_report_is_sent(report)) {
        ping->has_hint = true;
        probe_report_print_hint(report, stderr);
    }
    go_on(ping);
}

/* What keeps one probe from being sent or watched may not keep the next; but if it was the first,
 * or the user may not, or it is the arguments, it will. */
static void on_refused(unsigned number, const sd_bus_error *error, int r, void *userdata)
{
    Ping *ping = userdata;
    int status;

    if (ping->summary.n_ended > 0)
        fprintf(stderr, "%u: ", number);
    status = ctl_refused(ping->ctl, error, r);

    ping->summary.n_failed++;
    if (status != CTL_EXIT_SERVICE || ping->summary.n_ended == 0 ||
        sd_bus_is_open(ping->ctl->bus) <= 0)
        stop(ping, status);
    else
        go_on(ping);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    stop(userdata, 0);
    return 0;
}

static int prepare(Ping *ping)
{
    static const ProberEvents events = {.answered = on_answered, .refused = on_refused};
    int r;

    r = ctl_event_new(ping->ctl, &ping->event, on_signal, ping);
    if (r != 0)
        return r;
    ping->started = moment_now();
    r = sd_event_now(ping->event, CLOCK_MONOTONIC, &ping->next_usec);
    if (r >= 0)
        r = sd_event_add_time(ping->event, &ping->timer, CLOCK_MONOTONIC, ping->next_usec, 1,
                              on_due, ping);
    if (r >= 0)
        r = prober_new(&ping->prober, ping->ctl, ping->host, &ping->arguments, &events, ping);
    return r < 0 ? ctl_internal_error("prepare to probe", r) : 0;
}

static int print_summary(const Ping *ping)
{
    Moment now = moment_now();

    if (ping->ctl->json != JSON_OFF)
        return ctl_print(ping->ctl,
                         ping_summary_to_json(&ping->summary, ping->host, &ping->started, &now));
    ping_summary_print(&ping->summary, ping->host, stdout);
    return 0;
}

static int run(Ping *ping)
{
    int r;

    r = ctl_connect(ping->ctl);
    if (r == 0)
        r = prepare(ping);
    if (r != 0)
        return r;

    r = sd_event_loop(ping->event);
    if (r < 0)
        return ctl_internal_error("run the event loop", r);
    /* Without a single result there is nothing to add to the error, nor where nothing can be
     * written. */
    if (ping->ctl->ending.signal != 0 ||
        (ping->status != 0 && (ping->summary.n_ended == 0 || ferror(stdout))))
        return ping->status;
    r = print_summary(ping);
    if (ping->status != 0 || r != 0)
        return ping->status != 0 ? ping->status : r;
    return ping->summary.n_replies > 0 ? CTL_EXIT_OK : CTL_EXIT_OTHER;
}

int verb_ping(Ctl *ctl, int argc, char *argv[])
{
    static const struct option options[] = {
        {"count", required_argument, NULL, 'c'},
        {"interval", required_argument, NULL, 'i'},
        {0},
    };
    static const Syntax syntax = {
        .command = "ping",
        .help = help,
        .letters = "c:i:" PROBE_ARGUMENT_LETTERS,
        .tables = {options, probe_argument_options, probe_argument_ttl_option},
        .take = take,
        .n_arguments = 1,
        .argument = "host",
    };
    Ping ping = {.ctl = ctl, .interval_usec = INTERVAL_USEC_DEFAULT};
    int r;

    r = syntax_parse(&syntax, ctl, argc, argv, &ping);
    if (r != 0)
        return r - 1;
    ping.host = argv[optind];

    r = run(&ping);
    prober_free(ping.prober);
    sd_event_source_disable_unref(ping.timer);
    (void)sd_bus_detach_event(ctl->bus);
    sd_event_unref(ping.event);
    return r;
}
