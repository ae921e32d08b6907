/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdio.h>

#include "bus-error.h"
#include "syntax.h"
#include "util.h"
#include "verbs.h"

static void help(void)
{
    printf("mtrpacketctl check-support [OPTIONS...] FEATURE...\n\n"
           "Show which features the service's mtr-packet supports on this machine.\n\n"
           "Features are send-probe, ip-4, ip-6, icmp, udp, tcp, sctp and mark; newer\n"
           "versions of mtr-packet may know others.\n\n"
           "Options:\n" SYNTAX_OPTIONS_HELP "\n"
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

/* Shows each, or adds it to an object. */
static int check_all(Ctl *ctl, char *features[], json_t *found)
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
        else if (json_object_set_new(found, *features, json_boolean(supported)) < 0)
            return ctl_internal_error("write JSON", -ENOMEM);
    }
    return status;
}

static int show_all(Ctl *ctl, char *features[])
{
    Moment started = moment_now(), ended;
    json_t *found = json_object(), *document;
    int r, status;

    status = check_all(ctl, features, found);
    if (ctl->json == JSON_OFF || status > CTL_EXIT_OTHER) {
        json_decref(found);
        return status;
    }

    ended = moment_now();
    document = document_new("support", &started, &ended);
    if (json_object_set_new(document, "features", found) < 0) {
        json_decref(document);
        document = NULL;
    }
    r = ctl_print(ctl, document);
    return r != 0 ? r : status;
}

int verb_check_support(Ctl *ctl, int argc, char *argv[])
{
    static const Syntax syntax = {
        .command = "check-support",
        .help = help,
        .letters = "",
        .n_arguments = -1,
        .argument = "feature",
    };
    int r;

    r = syntax_parse(&syntax, ctl, argc, argv, NULL);
    if (r != 0)
        return r - 1;
    r = ctl_connect(ctl);
    return r != 0 ? r : show_all(ctl, argv + optind);
}
