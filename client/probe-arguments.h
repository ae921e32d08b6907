/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of a probe, as the command line has them and as a call has them. */

#include <getopt.h>
#include <stdbool.h>

#include <systemd/sd-bus.h>

typedef enum ProbeArgument {
    PROBE_ARGUMENT_IP_VERSION,
    PROBE_ARGUMENT_PROTOCOL,
    PROBE_ARGUMENT_TTL,
    PROBE_ARGUMENT_PORT,
    PROBE_ARGUMENT_LOCAL_IP,
    PROBE_ARGUMENT_LOCAL_PORT,
    PROBE_ARGUMENT_TIMEOUT,
    PROBE_ARGUMENT_SIZE,
    PROBE_ARGUMENT_BIT_PATTERN,
    PROBE_ARGUMENT_TOS,
    PROBE_ARGUMENT_MARK,
    PROBE_ARGUMENT_LAST = PROBE_ARGUMENT_MARK,
} ProbeArgument;

/* What was given for each, as text: argv's, or static; NULL where nothing was. A later one replaces
 * an earlier one. */
typedef struct ProbeArguments {
    const char *values[PROBE_ARGUMENT_LAST + 1];
} ProbeArguments;

/* For getopt_long(): all of them, and -4 and -6; and all but --ttl, with which a trace has its own
 * way. */
extern const struct option probe_argument_options[];
extern const struct option probe_argument_ttl_option[];
#define PROBE_ARGUMENT_LETTERS "46"

/* Their part of --help, with the hop limit and without. */
#define PROBE_ARGUMENTS_HELP_IP                                                                    \
    "  -4 -6                     Same as --ip-version=4, --ip-version=6\n"                         \
    "     --ip-version=N         Only IPv4 (4) or only IPv6 (6)\n"                                 \
    "     --protocol=P           icmp, udp, tcp or sctp (default: icmp)\n"
#define PROBE_ARGUMENTS_HELP_TTL "     --ttl=N                Hop limit, 1-255 (default: 255)\n"
#define PROBE_ARGUMENTS_HELP(timeout)                                                              \
    "     --port=N               Destination port, 1-65535; udp, tcp and sctp\n"                   \
    "     --local-ip=ADDRESS     Source address, one of this machine's\n"                          \
    "     --local-port=N         Source port, 1024-65535; udp\n"                                   \
    "     --timeout=SECONDS      How long to wait, 0-60, parts too (default: " timeout ")\n"       \
    "     --size=BYTES           Packet size with headers, 0-9000; icmp and udp\n"                 \
    "     --bit-pattern=N        Payload byte, 0-255\n"                                            \
    "     --tos=N                Type of service or traffic class, 0-255\n"                        \
    "     --mark=N               Routing mark, 0-4294967295\n"

/** probe_arguments_take() - take what getopt_long() has returned. False if it is none of them, or
 * is no number where it must be, which was said on stderr. */
bool probe_arguments_take(ProbeArguments *arguments, int option, const char *argument);

/**
 * probe_arguments_append() - write the options into a Probe call
 * @call: behind its host
 *
 * The service checks the ranges; here text must be UTF-8.
 *
 * Return: 0, a positive value if it is not, which was said on stderr, or a negative errno.
 */
int probe_arguments_append(const ProbeArguments *arguments, sd_bus_message *call);
