/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus-error.h"
#include "descriptors.h"
#include "syntax.h"
#include "util.h"
#include "verbs.h"
#include "version.h"

typedef struct Verb {
    const char *name;
    int (*run)(Ctl *ctl, int argc, char *argv[]);
} Verb;

static const Verb verbs[] = {
    {"probe", verb_probe},   {"ping", verb_ping},
    {"trace", verb_trace},   {"check-support", verb_check_support},
    {"status", verb_status},
};

static void help(void)
{
    printf("mtrpacketctl [OPTIONS...] COMMAND ...\n\n"
           "Send network probes through mtrpacketd.\n\n"
           "Commands:\n"
           "  probe HOST                Send one probe and show its result\n"
           "  ping HOST                 Send probes again and again; show losses and times\n"
           "  trace HOST                Show the hops on the way to HOST\n"
           "  check-support FEATURE...  Show what mtr-packet supports on this machine\n"
           "  status                    Show the service, its mtr-packet and statistics\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP "     --version              Show the version\n\n"
           "Each command has a --help of its own.\n\n"
           "Environment:\n"
           "  DBUS_SYSTEM_BUS_ADDRESS   The system bus\n"
           "  SYSTEMD_COLORS            Use colours always (1) or never (0), not only on a\n"
           "                            terminal\n"
           "  NO_COLOR                  If not empty, use no colours\n\n"
           "Exit status:\n"
           "  0  the probe arrived, of ping and trace one of them, or every feature is\n"
           "     supported\n"
           "  1  any other result, or a feature is not supported\n"
           "  2  wrong use, or arguments that the service refuses\n"
           "  3  not allowed\n"
           "  4  the host has no address, or none of the wanted IP version\n"
           "  5  no service, no mtr-packet, or another failure\n");
}

static int run_verb(Ctl *ctl, int argc, char *argv[])
{
    for (size_t i = 0; i < ELEMENTS(verbs); i++)
        if (strcmp(argv[0], verbs[i].name) == 0)
            return verbs[i].run(ctl, argc, argv);

    fprintf(stderr, "Unknown command '%s': see mtrpacketctl --help\n", argv[0]);
    return CTL_EXIT_ARGUMENTS;
}

static int run(Ctl *ctl, int argc, char *argv[])
{
    bool version = false;
    int r;

    r = syntax_parse_common(ctl, argc, argv, help, &version);
    if (r != 0)
        return r - 1;
    if (version) {
        puts("mtrpacketctl " MTRPACKETD_VERSION);
        return CTL_EXIT_OK;
    }
    if (optind == argc) {
        fprintf(stderr, "A command is missing: see mtrpacketctl --help\n");
        return CTL_EXIT_ARGUMENTS;
    }
    return run_verb(ctl, argc - optind, argv + optind);
}

int main(int argc, char *argv[])
{
    Ctl ctl = {.ending.fd = -1};
    int status;

    if (!descriptors_fill())
        return CTL_EXIT_SERVICE;
    bus_error_register();
    argv[0] = program_invocation_short_name; /* who getopt_long() says speaks */

    status = run(&ctl, argc, argv);
    ctl_disconnect(&ctl);

    /* If nothing can be written, that has been said already. */
    if (ctl.ending.signal == 0 && !ferror(stdout) && ctl_flush(&ctl) != 0)
        status = CTL_EXIT_SERVICE;
    ctl_end(&ctl, status);
}
