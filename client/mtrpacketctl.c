/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bus-error.h"
#include "ctl.h"
#include "util.h"
#include "version.h"

typedef struct Verb {
    const char *name;
    int (*run)(Ctl *ctl, int argc, char *argv[]);
} Verb;

static const Verb verbs[] = {
    {"probe", verb_probe},
    {"check-support", verb_check_support},
};

static void help(void)
{
    printf("mtrpacketctl [OPTIONS...] COMMAND ...\n\n"
           "Send network probes through mtrpacketd.\n\n"
           "Commands:\n"
           "  probe HOST                Send one probe and show its result\n"
           "  check-support FEATURE...  Show what mtr-packet supports on this machine\n\n"
           "Options:\n" CTL_OPTIONS_HELP "     --version              Show the version\n\n"
           "Each command has a --help of its own.\n\n"
           "Exit status:\n"
           "  0  the probe arrived, or every feature is supported\n"
           "  1  any other result of the probe, or a feature is not supported\n"
           "  2  wrong use, or arguments that the service refuses\n"
           "  3  not allowed\n"
           "  4  the host has no address, or none of the wanted IP version\n"
           "  5  no service, no mtr-packet, or another failure\n");
}

static int run_verb(Ctl *ctl, int argc, char *argv[])
{
    for (size_t i = 0; i < ELEMENTS(verbs); i++) {
        if (strcmp(argv[0], verbs[i].name) == 0) {
            argv[0] = program_invocation_short_name; /* who getopt_long() says speaks */
            return verbs[i].run(ctl, argc, argv);
        }
    }

    fprintf(stderr, "Unknown command '%s': see mtrpacketctl --help\n", argv[0]);
    return CTL_EXIT_ARGUMENTS;
}

static int run(Ctl *ctl, int argc, char *argv[])
{
    enum {
        ARG_VERSION = 0x100,
    };
    static const struct option options[] = {
        CTL_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, ARG_VERSION},
        {0},
    };

    /* "+": what follows the command is the command's. */
    for (int c; (c = getopt_long(argc, argv, "+" CTL_OPTION_LETTERS, options, NULL)) >= 0;) {
        switch (c) {
        case 'h':
            help();
            return CTL_EXIT_OK;
        case ARG_VERSION:
            puts("mtrpacketctl " MTRPACKETD_VERSION);
            return CTL_EXIT_OK;
        default:
            if (ctl_option(ctl, c, optarg) < 0)
                return CTL_EXIT_ARGUMENTS;
        }
    }

    if (optind == argc) {
        fprintf(stderr, "A command is missing: see mtrpacketctl --help\n");
        return CTL_EXIT_ARGUMENTS;
    }

    argc -= optind;
    argv += optind;
    optind = 0; /* the verb reads its options from the start */
    return run_verb(ctl, argc, argv);
}

int main(int argc, char *argv[])
{
    Ctl ctl = {0};
    int status;

    bus_error_register();

    status = run(&ctl, argc, argv);
    sd_bus_flush_close_unref(ctl.bus);

    if (fflush(stdout) == EOF)
        status = ctl_internal_error("write the result", -errno);
    return status;
}
