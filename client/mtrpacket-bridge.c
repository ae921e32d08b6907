/* SPDX-License-Identifier: MIT */

/* mtrpacket-bridge: what mtr and others start in the place of mtr-packet; see help(). */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus-error.h"
#include "descriptors.h"
#include "plain-text.h"
#include "pump.h"
#include "service-error.h"
#include "util.h"
#include "version.h"

/* Times that the service is called which is just stopping: a new one comes with the next. */
#define TRIES 3

typedef struct Arguments {
    const char *address;
    bool mark;
} Arguments;

static void help(void)
{
    printf("mtrpacket-bridge [OPTIONS...]\n\n"
           "Speak mtr-packet's language on stdin and stdout, and have mtrpacketd send the\n"
           "probes: programs that start mtr-packet need no privilege so. They start this\n"
           "instead, without options:\n\n"
           "  MTR_PACKET=%s mtr example.com\n\n"
           "  -h --help                 Show this help\n"
           "     --version              Show the version\n"
           "     --address=ADDRESS      D-Bus address of the bus that mtrpacketd is on\n"
           "                            (default: the system bus)\n"
           "     --mark                 Ask now for the authorisation to set marks, which\n"
           "                            may have the user authenticate\n\n"
           "Environment:\n"
           "  DBUS_SYSTEM_BUS_ADDRESS   The system bus\n\n"
           "Exit status: 0 when stdin has ended and all is answered, 1 on failure.\n",
           BRIDGE_PATH);
}

/* Says one line on stderr; returns the exit status. */
static int complain(const char *what, const char *why)
{
    fprintf(stderr, "mtrpacket-bridge: %s%s", what, why ? ": " : "");
    plain_text_print(why ? why : "", stderr);
    putc('\n', stderr);
    return EXIT_FAILURE;
}

/* Returns 0 to go on, or 1 + the exit status. */
static int parse_arguments(Arguments *arguments, int argc, char *argv[])
{
    enum {
        ARG_VERSION = 0x100,
        ARG_ADDRESS,
        ARG_MARK,
    };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, ARG_VERSION},
        {"address", required_argument, NULL, ARG_ADDRESS},
        {"mark", no_argument, NULL, ARG_MARK},
        {0},
    };

    argv[0] = (char *)"mtrpacket-bridge"; /* mtr calls it mtr-packet */
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
        switch (c) {
        case 'h':
            help();
            return 1 + (fflush(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS);
        case ARG_VERSION:
            puts("mtrpacket-bridge " MTRPACKETD_VERSION);
            return 1 + (fflush(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS);
        case ARG_ADDRESS:
            arguments->address = optarg;
            break;
        case ARG_MARK:
            arguments->mark = true;
            break;
        default:
            return 1 + EXIT_FAILURE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "mtrpacket-bridge: unexpected argument '%s'\n", argv[optind]);
        return 1 + EXIT_FAILURE;
    }
    return 0;
}

static int connect_bus(sd_bus **ret, const char *address)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r;

    if (!address)
        return sd_bus_open_system_with_description(ret, "mtrpacket-bridge");

    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, true);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        *ret = TAKE_PTR(bus);
    return r;
}

static int call_open_stream(sd_bus *bus, bool mark, sd_bus_error *error, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, "OpenStream");
    if (r >= 0)
        r = sd_bus_message_set_allow_interactive_authorization(call, true);
    if (r >= 0)
        r = mark ? sd_bus_message_append(call, "a{sv}", 1, "mark", "b", true)
                 : sd_bus_message_append(call, "a{sv}", 0);
    /* The service has the deadlines: the default of 25 s is no limit here. */
    if (r >= 0)
        r = sd_bus_call(bus, call, UINT64_MAX, error, ret_reply);
    return r < 0 ? r : 0;
}

/* Returns a descriptor that belongs to the reply, or -1, which was said. */
static int open_stream(sd_bus *bus, bool mark, sd_bus_message **ret_reply)
{
    char text[SERVICE_ERROR_SIZE];
    int r = 0, fd;

    for (unsigned i = 0; i < TRIES; i++) {
        sd_bus_error error __attribute__((cleanup(sd_bus_error_free))) = SD_BUS_ERROR_NULL;

        r = call_open_stream(bus, mark, &error, ret_reply);
        if (r == 0)
            break;
        if (sd_bus_error_has_name(&error, BUS_ERROR_STATE) && i + 1 < TRIES)
            continue;
        (void)complain(service_error_text(&error, r, text), NULL);
        return -1;
    }

    r = sd_bus_message_read(*ret_reply, "h", &fd);
    if (r < 0) {
        (void)complain("The service's answer is not understood", strerror(-r));
        return -1;
    }
    return fd;
}

static int run(const Arguments *arguments)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int fd, r;

    r = connect_bus(&bus, arguments->address);
    if (r < 0)
        return complain("Failed to connect to the bus", strerror(-r));

    fd = open_stream(bus, arguments->mark, &reply);
    if (fd < 0)
        return EXIT_FAILURE;

    r = pump_run(STDIN_FILENO, STDOUT_FILENO, fd);
    if (r > 0)
        return complain("The service has closed the stream", NULL);
    return r < 0 ? complain("Failed to pass bytes on", strerror(-r)) : EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    Arguments arguments = {0};
    int r;

    if (!descriptors_fill())
        return EXIT_FAILURE;
    r = parse_arguments(&arguments, argc, argv);
    if (r > 0)
        return r - 1;
    bus_error_register();
    return run(&arguments);
}
