/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>

#include "bus-error.h"
#include "status-report.h"
#include "syntax.h"
#include "util.h"
#include "verbs.h"

static void help(void)
{
    printf("mtrpacketctl status [OPTIONS...]\n\n"
           "Show the service's version, its mtr-packet and what that supports, how many\n"
           "probes there are, and what the service has done since it was started. It is\n"
           "started if it does not run.\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP "\n"
           "Exit status: 0, or as mtrpacketctl has.\n");
}

/* Asks for all properties. Returns 0 or an exit status. */
static int ask(Ctl *ctl, StatusReport *report)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    int r;

    r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH,
                                       "org.freedesktop.DBus.Properties", "GetAll");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", BUS_INTERFACE);
    if (r < 0)
        return ctl_internal_error("write the call", r);

    r = ctl_call(ctl, call, &reply);
    if (r != 0)
        return r;
    report->ended = moment_now();
    r = status_report_read(report, reply);
    return r < 0 ? ctl_internal_error("read the answer", r) : 0;
}

/* The service starts mtr-packet when it first needs it: this does. */
static int start_packet(Ctl *ctl)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    int r;

    r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE,
                                       "CheckSupport");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "send-probe");
    return r < 0 ? ctl_internal_error("write the call", r) : ctl_call(ctl, call, &reply);
}

static int show(Ctl *ctl, const StatusReport *report)
{
    Style style = style_get();
    int r;

    if (ctl->json != JSON_OFF)
        return ctl_print(ctl, status_report_to_json(report));
    r = status_report_print(report, &style, stdout);
    return r < 0 ? ctl_internal_error("write the result", r) : 0;
}

static int status(Ctl *ctl)
{
    StatusReport report = {.started = moment_now()};
    int r, packet = 0;

    r = ask(ctl, &report);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is set where r is 0 */
    if (r == 0 && !report.packet_version[0]) {
        packet = start_packet(ctl);
        status_report_clear(&report);
        r = ask(ctl, &report);
    }
    if (r != 0)
        return r;
    r = show(ctl, &report);
    status_report_clear(&report);
    return r != 0 ? r : packet;
}

int verb_status(Ctl *ctl, int argc, char *argv[])
{
    static const Syntax syntax = {
        .command = "status",
        .help = help,
        .letters = "",
        .argument = "argument",
    };
    int r;

    r = syntax_parse(&syntax, ctl, argc, argv, NULL);
    if (r != 0)
        return r - 1;
    r = ctl_connect(ctl);
    return r != 0 ? r : status(ctl);
}
