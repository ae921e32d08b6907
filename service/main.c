/* SPDX-License-Identifier: MIT */

#include <assert.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "bus-error.h"
#include "manager.h"
#include "privileges.h"
#include "service-limits.h"
#include "util.h"
#include "version.h"

/* A day: longer is as good as never, which is 0. */
#define IDLE_TIMEOUT_MAX 86400

static const char *arg_user = "mtrpacketd";
static const char *arg_packet_command;
static double arg_idle_timeout = 30; /* seconds */
static int arg_log_level = LOG_NOTICE;
static Limits arg_limits;

static void help(void)
{
    printf("mtrpacketd [OPTIONS...]\n\n"
           "Send network probes for the programs on this machine, through mtr-packet.\n\n"
           "  -h --help                 Show this help\n"
           "     --version              Show the version\n"
           "     --user=NAME            User to become when started as root, not root\n"
           "                            (default: mtrpacketd)\n"
           "     --packet-command=PATH  The mtr-packet program: a path, or a name to find\n"
           "                            in PATH (default: $MTR_PACKET, or mtr-packet)\n"
           "     --idle-timeout=SECONDS Stop after so long with nothing to do; parts\n"
           "                            of a second count, 0 is never, a day (86400) the\n"
           "                            most (default: 30)\n"
           "     --log-level=LEVEL      err, warning, notice, info or debug, which has a\n"
           "                            line for each probe (default: notice)\n\n"
           "Limits:\n");
    limits_help();
    printf("\nEnvironment:\n"
           "  MTR_PACKET                The mtr-packet program, as --packet-command=\n"
           "  DBUS_SYSTEM_BUS_ADDRESS   The bus to serve (default: the system bus)\n\n"
           "Exit status: 0 after SIGTERM, SIGINT or idle time, 1 on failure.\n");
}

/* The exit status after something was printed: a full disk is no success. */
static int written(void)
{
    return fflush(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool read_seconds(const char *text, double *ret)
{
    char *end;
    double seconds;

    if (!*text || text[strspn(text, "0123456789.")] != '\0')
        return false;
    seconds = strtod(text, &end);
    if (*end != '\0' || !(seconds >= 0 && seconds <= IDLE_TIMEOUT_MAX))
        return false;
    *ret = seconds;
    return true;
}

static bool read_log_level(const char *text, int *ret)
{
    static const char *const names[] = {
        [LOG_ERR] = "err",   [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
    };

    for (size_t i = LOG_ERR; i < ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (int)i;
            return true;
        }
    }
    return false;
}

enum {
    ARG_VERSION = 0x100,
    ARG_USER,
    ARG_PACKET_COMMAND,
    ARG_IDLE_TIMEOUT,
    ARG_LOG_LEVEL,
    ARG_LIMIT, /* the first of service-limits.h, and on */
};

#define OPTIONS_MAX 32

/* All options, those of the limits too. */
static void list_options(struct option ret[static OPTIONS_MAX])
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, ARG_VERSION},
        {"user", required_argument, NULL, ARG_USER},
        {"packet-command", required_argument, NULL, ARG_PACKET_COMMAND},
        {"idle-timeout", required_argument, NULL, ARG_IDLE_TIMEOUT},
        {"log-level", required_argument, NULL, ARG_LOG_LEVEL},
    };
    size_t n = ELEMENTS(options);

    memcpy(ret, options, sizeof(options));
    for (unsigned i = 0; limits_name(i); i++) {
        assert(n < OPTIONS_MAX - 1);
        ret[n++] = (struct option){limits_name(i), required_argument, NULL, ARG_LIMIT + (int)i};
    }
    ret[n] = (struct option){0};
}

static bool read_limit(const char *program, int option, const char *text)
{
    Failure failure;

    if (limits_set(&arg_limits, (unsigned)(option - ARG_LIMIT), text, &failure) == 0)
        return true;
    fprintf(stderr, "%s: %s\n", program, failure.message);
    return false;
}

/* Returns 0 to go on, or 1 + the exit status. */
static int parse_arguments(int argc, char *argv[])
{
    struct option options[OPTIONS_MAX];

    limits_init(&arg_limits);
    list_options(options);
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
        switch (c) {
        case 'h':
            help();
            return 1 + written();
        case ARG_VERSION:
            puts("mtrpacketd " MTRPACKETD_VERSION);
            return 1 + written();
        case ARG_USER:
            arg_user = optarg;
            break;
        case ARG_PACKET_COMMAND:
            arg_packet_command = optarg;
            break;
        case ARG_IDLE_TIMEOUT:
            if (!read_seconds(optarg, &arg_idle_timeout)) {
                fprintf(stderr,
                        "%s: --idle-timeout=%s: a number of seconds from 0 to %d is expected\n",
                        argv[0], optarg, IDLE_TIMEOUT_MAX);
                return 1 + EXIT_FAILURE;
            }
            break;
        case ARG_LOG_LEVEL:
            if (!read_log_level(optarg, &arg_log_level)) {
                fprintf(stderr,
                        "%s: --log-level=%s: err, warning, notice, info or debug is expected\n",
                        argv[0], optarg);
                return 1 + EXIT_FAILURE;
            }
            break;
        default:
            if (c < ARG_LIMIT) /* getopt_long() has said what is wrong */
                return 1 + EXIT_FAILURE;
            if (!read_limit(argv[0], c, optarg))
                return 1 + EXIT_FAILURE;
        }
    }

    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
        return 1 + EXIT_FAILURE;
    }
    return 0;
}

/* The first that is named: by option, by the environment (of somebody who may name it), or else
 * mtr's own name. */
static const char *packet_command(void)
{
    const char *command = arg_packet_command;

    if (!command || !*command)
        command = secure_getenv("MTR_PACKET");
    if (!command || !*command)
        command = "mtr-packet";
    return command;
}

/* Descriptors 0 to 2 are somebody's even where we were started without: no pipe or socket must
 * become stdin or stderr. */
static int open_missing_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);

    if (fd < 0)
        return -1;
    return close(fd);
}

/* The event loop takes these over; mtr-packet's end of a pipe may close while we write. */
static int setup_signals(void)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &handled, NULL) < 0)
        return -1;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

int main(int argc, char *argv[])
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r;

    r = parse_arguments(argc, argv);
    if (r > 0)
        return r - 1;

    if (open_missing_stdio() < 0 || setup_signals() < 0) {
        perror("mtrpacketd");
        return EXIT_FAILURE;
    }

    (void)setlogmask(LOG_UPTO(arg_log_level));
    bus_error_register();

    if (privileges_drop(arg_user) < 0 || manager_new(&manager, packet_command(), &arg_limits,
                                                     (uint64_t)ceil(arg_idle_timeout * 1e6)) < 0)
        return EXIT_FAILURE;
    return manager_run(manager) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
