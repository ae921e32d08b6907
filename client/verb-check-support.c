/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "bus-error.h"
#include "ctl.h"
#include "util.h"

static void help(void)
{
    printf("mtrpacketctl check-support [OPTIONS...] FEATURE...\n\n"
           "Show which features the service's mtr-packet supports on this machine.\n\n"
           "Features are send-probe, ip-4, ip-6, icmp, udp, tcp and sctp; newer versions of\n"
           "mtr-packet may know others.\n\n"
           "Options:\n" CTL_OPTIONS_HELP "\n"
           "Exit status: 0 if all are supported, 1 if not; others as mtrpacketctl has.\n");
}

static int check(Ctl *ctl, const char *feature, bool *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    int r, status, supported;

    r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE,
                                       "CheckSupport");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", feature);
    if (r == -EINVAL) {
        fprintf(stderr, "feature is not UTF-8 text\n");
        return CTL_EXIT_ARGUMENTS;
    }
    if (r < 0)
        return ctl_internal_error("write the call", r);

    status = ctl_call(ctl, call, &reply);
    if (status != 0)
        return status;

    r = sd_bus_message_read(reply, "b", &supported);
    if (r < 0)
        return ctl_internal_error("read the answer", r);

    *ret = supported;
    return 0;
}

static int check_all(Ctl *ctl, char *features[], json_t *json)
{
    int status = CTL_EXIT_OK;

    for (; *features; features++) {
        bool supported = false;
        int r;

        r = check(ctl, *features, &supported);
        if (r != 0)
            return r;

        if (!supported)
            status = CTL_EXIT_OTHER;
        if (ctl->json == JSON_OFF)
            printf("%s: %s\n", *features, supported ? "yes" : "no");
        else if (json_object_set_new(json, *features, json_boolean(supported)) < 0)
            return ctl_internal_error("write JSON", -ENOMEM);
    }
    return status;
}

int verb_check_support(Ctl *ctl, int argc, char *argv[])
{
    static const struct option options[] = {
        CTL_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    json_t *json;
    int r, status;

    for (int c; (c = getopt_long(argc, argv, CTL_OPTION_LETTERS, options, NULL)) >= 0;) {
        if (c == 'h') {
            help();
            return CTL_EXIT_OK;
        }
        if (ctl_option(ctl, c, optarg) < 0)
            return CTL_EXIT_ARGUMENTS;
    }
    if (optind == argc) {
        fprintf(stderr, "A feature is missing: see mtrpacketctl check-support --help\n");
        return CTL_EXIT_ARGUMENTS;
    }

    r = ctl_connect(ctl);
    if (r != 0)
        return r;

    json = json_object();
    status = check_all(ctl, argv + optind, json);
    if (ctl->json == JSON_OFF || status > CTL_EXIT_OTHER) {
        json_decref(json);
        return status;
    }
    r = ctl_print_json(ctl, json);
    return r != 0 ? r : status;
}
