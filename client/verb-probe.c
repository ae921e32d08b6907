/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus-error.h"
#include "ctl.h"
#include "probe-report.h"
#include "util.h"

static void help(void)
{
    printf("mtrpacketctl probe [OPTIONS...] HOST\n\n"
           "Send one probe to HOST, an IPv4 or IPv6 address or a name, and show its result:\n"
           "reply, ttl-expired, no-reply, no-route, ...\n\n"
           "Options:\n" CTL_OPTIONS_HELP
           "  -4 -6                     Same as --ip-version=4, --ip-version=6\n"
           "     --ip-version=N         Only IPv4 (4) or only IPv6 (6)\n"
           "     --protocol=P           icmp, udp, tcp or sctp (default: icmp)\n"
           "     --ttl=N                Hop limit, 1-255\n"
           "     --port=N               Destination port, 1-65535; udp, tcp and sctp\n"
           "     --local-ip=ADDRESS     Source address, one of this machine's\n"
           "     --local-port=N         Source port, 1024-65535; udp\n"
           "     --timeout=SECONDS      How long to wait, 0-60, parts too (default: 10)\n"
           "     --size=BYTES           Packet size with headers, 0-9000; icmp and udp\n"
           "     --bit-pattern=N        Payload byte, 0-255\n"
           "     --tos=N                Type of service or traffic class, 0-255\n"
           "     --mark=N               Routing mark, 0-4294967295\n\n"
           "Numbers are decimal, or hexadecimal with 0x. The service checks the ranges, and\n"
           "refuses what it does not support.\n\n"
           "Exit status: 0 for reply, 1 for any other result; others as mtrpacketctl has.\n");
}

/* How an option's value goes into the call. */
typedef enum ValueKind {
    VALUE_STRING,
    VALUE_INTEGER,
    VALUE_SECONDS, /* an integer where it is one, else a double */
} ValueKind;

/* The probe options of the contract, in the order of the getopt_long() table below. */
static const struct {
    const char *key;
    ValueKind kind;
} probe_options[] = {
    {"ip_version", VALUE_INTEGER}, {"protocol", VALUE_STRING}, {"ttl", VALUE_INTEGER},
    {"port", VALUE_INTEGER},       {"local_ip", VALUE_STRING}, {"local_port", VALUE_INTEGER},
    {"timeout", VALUE_SECONDS},    {"size", VALUE_INTEGER},    {"bit_pattern", VALUE_INTEGER},
    {"tos", VALUE_INTEGER},        {"mark", VALUE_INTEGER},
};

#define ARG_PROBE_OPTION 0x100 /* and on, in that order */

static const struct option options[] = {
    CTL_OPTIONS,
    {"help", no_argument, NULL, 'h'},
    {"ip-version", required_argument, NULL, ARG_PROBE_OPTION + 0},
    {"protocol", required_argument, NULL, ARG_PROBE_OPTION + 1},
    {"ttl", required_argument, NULL, ARG_PROBE_OPTION + 2},
    {"port", required_argument, NULL, ARG_PROBE_OPTION + 3},
    {"local-ip", required_argument, NULL, ARG_PROBE_OPTION + 4},
    {"local-port", required_argument, NULL, ARG_PROBE_OPTION + 5},
    {"timeout", required_argument, NULL, ARG_PROBE_OPTION + 6},
    {"size", required_argument, NULL, ARG_PROBE_OPTION + 7},
    {"bit-pattern", required_argument, NULL, ARG_PROBE_OPTION + 8},
    {"tos", required_argument, NULL, ARG_PROBE_OPTION + 9},
    {"mark", required_argument, NULL, ARG_PROBE_OPTION + 10},
    {0},
};

/* What was given for each of probe_options; NULL where nothing was. A later one replaces an earlier
 * one. */
typedef const char *ProbeArguments[ELEMENTS(probe_options)];

/* Any whole number that a D-Bus int64 holds, decimal or 0x: a leading zero is no octal here. */
static bool read_integer(const char *text, int64_t *ret)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;

    if (digits[0] < '0' || digits[0] > '9')
        return false;

    errno = 0;
    *ret = strtoll(text, &end, hex ? 16 : 10);
    return errno == 0 && end > digits && *end == '\0';
}

static bool read_seconds(const char *text, double *ret)
{
    char *end;

    if (text[strspn(text, "0123456789.-")] != '\0')
        return false;
    *ret = strtod(text, &end);
    return end != text && *end == '\0';
}

/* Appends one {sv}. Returns 0, a negative errno, or 1 if the text is no such value, which was said.
 */
static int append_option(sd_bus_message *call, const char *key, ValueKind kind, const char *text)
{
    int64_t integer;
    double seconds;
    int r;

    if (kind == VALUE_STRING) {
        r = sd_bus_message_append(call, "{sv}", key, "s", text);
    } else if (read_integer(text, &integer)) {
        r = sd_bus_message_append(call, "{sv}", key, "x", integer);
    } else if (kind == VALUE_SECONDS && read_seconds(text, &seconds)) {
        r = sd_bus_message_append(call, "{sv}", key, "d", seconds);
    } else {
        fprintf(stderr, "option %s is '%s', a %s is expected\n", key, text,
                kind == VALUE_SECONDS ? "number of seconds" : "whole number");
        return 1;
    }
    if (r == -EINVAL) {
        fprintf(stderr, "option %s is not UTF-8 text\n", key);
        return 1;
    }
    return r < 0 ? r : 0; /* sd-bus may say 1 for success */
}

static int append_options(sd_bus_message *call, ProbeArguments arguments)
{
    int r;

    r = sd_bus_message_open_container(call, 'a', "{sv}");
    for (size_t i = 0; r >= 0 && i < ELEMENTS(probe_options); i++) {
        if (!arguments[i])
            continue;
        r = append_option(call, probe_options[i].key, probe_options[i].kind, arguments[i]);
        if (r > 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static int probe(Ctl *ctl, const char *host, ProbeArguments arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    ProbeReport report;
    int r;

    r = ctl_connect(ctl);
    if (r != 0)
        return r;

    r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, "Probe");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", host);
    if (r == -EINVAL) {
        fprintf(stderr, "host is not UTF-8 text\n");
        return CTL_EXIT_ARGUMENTS;
    }
    if (r >= 0)
        r = append_options(call, arguments);
    if (r > 0)
        return CTL_EXIT_ARGUMENTS;
    if (r < 0)
        return ctl_internal_error("write the call", r);

    r = ctl_call(ctl, call, &reply);
    if (r != 0)
        return r;

    r = probe_report_read(&report, reply);
    if (r < 0)
        return ctl_internal_error("read the answer", r);

    if (ctl->json == JSON_OFF)
        probe_report_print(&report, stdout);
    else if ((r = ctl_print_json(ctl, probe_report_to_json(&report, host))) != 0)
        return r;
    return report.success ? CTL_EXIT_OK : CTL_EXIT_OTHER;
}

int verb_probe(Ctl *ctl, int argc, char *argv[])
{
    ProbeArguments arguments = {0};

    for (int c; (c = getopt_long(argc, argv, CTL_OPTION_LETTERS "46", options, NULL)) >= 0;) {
        if (c == 'h') {
            help();
            return CTL_EXIT_OK;
        }
        if (c == '4' || c == '6')
            arguments[0] = c == '4' ? "4" : "6";
        else if (c >= ARG_PROBE_OPTION && c < ARG_PROBE_OPTION + (int)ELEMENTS(probe_options))
            arguments[c - ARG_PROBE_OPTION] = optarg;
        else if (ctl_option(ctl, c, optarg) < 0)
            return CTL_EXIT_ARGUMENTS;
    }

    if (argc - optind != 1) {
        fprintf(stderr, "%s: see mtrpacketctl probe --help\n",
                argc == optind ? "A host is missing" : "More than one host");
        return CTL_EXIT_ARGUMENTS;
    }
    return probe(ctl, argv[optind], arguments);
}
