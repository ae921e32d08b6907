/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>

#include "prober.h"
#include "syntax.h"
#include "util.h"
#include "verbs.h"

static void help(void)
{
    printf("mtrpacketctl probe [OPTIONS...] HOST\n\n"
           "Send one probe to HOST, an IPv4 or IPv6 address or a name, and show its result:\n"
           "reply, ttl-expired, no-reply, no-route, ...\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP PROBE_ARGUMENTS_HELP_IP PROBE_ARGUMENTS_HELP_TTL
               PROBE_ARGUMENTS_HELP("10") "\n"
                                          "Numbers are decimal, or hexadecimal with 0x. The "
                                          "service checks the ranges, and\n"
                                          "refuses what it does not support.\n\n"
                                          "Exit status: 0 for reply, 1 for any other result; "
                                          "others as mtrpacketctl has.\n");
}

static bool take(int option, const char *argument, void *userdata)
{
    return probe_arguments_take(userdata, option, argument);
}

static json_t *to_json(const ProbeReport *report, const char *host)
{
    json_t *document = document_new("probe", &report->started, &report->ended);

    if (document && (json_object_set_new(document, "host", json_string(host)) < 0 ||
                     probe_report_add_json(report, document) < 0)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

static int show(Ctl *ctl, const ProbeReport *report, const char *host)
{
    int r;

    if (ctl->json != JSON_OFF) {
        r = ctl_print(ctl, to_json(report, host));
    } else {
        probe_report_print(report, stdout);
        r = ctl_flush(ctl); /* the hint comes behind it */
    }
    if (r != 0)
        return r;
    probe_report_print_hint(report, stderr);
    return report->success ? CTL_EXIT_OK : CTL_EXIT_OTHER;
}

static int probe(Ctl *ctl, const char *host, const ProbeArguments *arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    ProbeReport report = {0};
    int r;

    r = ctl_connect(ctl);
    if (r == 0)
        r = prober_call_new(ctl, &call, host, arguments);
    if (r != 0)
        return r;

    report.started = moment_now();
    r = ctl_call(ctl, call, &reply);
    if (r != 0)
        return r;
    report.ended = moment_now();

    r = probe_report_read(&report, reply);
    if (r < 0)
        return ctl_internal_error("read the answer", r);
    r = show(ctl, &report, host);
    probe_report_clear(&report);
    return r;
}

int verb_probe(Ctl *ctl, int argc, char *argv[])
{
    static const Syntax syntax = {
        .command = "probe",
        .help = help,
        .letters = PROBE_ARGUMENT_LETTERS,
        .tables = {probe_argument_options, probe_argument_ttl_option},
        .take = take,
        .n_arguments = 1,
        .argument = "host",
    };
    ProbeArguments arguments = {0};
    int r;

    r = syntax_parse(&syntax, ctl, argc, argv, &arguments);
    return r != 0 ? r - 1 : probe(ctl, argv[optind], &arguments);
}
