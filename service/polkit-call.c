/* SPDX-License-Identifier: MIT */

#include "polkit-call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

/* CheckAuthorization's flag: the user may be asked. */
#define ALLOW_USER_INTERACTION 1U

static int new_call(sd_bus *bus, sd_bus_message **ret, const char *method)
{
    return sd_bus_message_new_method_call(bus, ret, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                          method);
}

/* Calls that cannot be cancelled have the empty one. */
static int append_cancellation_id(sd_bus_message *call, unsigned number)
{
    char id[16] = "";

    if (number > 0)
        snprintf(id, sizeof(id), "%u", number);
    return sd_bus_message_append(call, "s", id);
}

static int append_details(sd_bus_message *call, const PolkitDetails *details)
{
    char mark[16];
    int r;

    r = sd_bus_message_open_container(call, 'a', "{ss}");
    if (r >= 0 && details->host) {
        snprintf(mark, sizeof(mark), "%u", (unsigned)details->mark);
        r = sd_bus_message_append(call, "{ss}{ss}{ss}", "host", details->host, "protocol",
                                  details->protocol, "mark", mark);
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

int polkit_call_question(sd_bus *bus, sd_bus_message **ret, const char *subject, const char *action,
                         const PolkitDetails *details, unsigned number)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = new_call(bus, &call, "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s", subject,
                                  action);
    if (r >= 0)
        r = append_details(call, details);
    if (r >= 0)
        r = sd_bus_message_append(call, "u", number > 0 ? ALLOW_USER_INTERACTION : 0U);
    if (r >= 0)
        r = append_cancellation_id(call, number);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(call);
    return 0;
}

void polkit_call_cancel(sd_bus *bus, unsigned number)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r;

    r = new_call(bus, &call, "CancelCheckAuthorization");
    if (r >= 0)
        r = append_cancellation_id(call, number);
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(call, false);
    if (r >= 0)
        (void)sd_bus_send(bus, call, NULL);
}

/* Of the details of an answer few matter here. */
static int read_details(sd_bus_message *reply, PolkitAnswer *answer)
{
    const char *key, *value;
    int r;

    r = sd_bus_message_enter_container(reply, 'a', "{ss}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0) {
        if (strcmp(key, "polkit.temporary_authorization_id") == 0)
            answer->temporary = true;
        else if (strcmp(key, "polkit.dismissed") == 0)
            answer->dismissed = true;
    }
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

int polkit_call_answer(sd_bus_message *reply, PolkitAnswer *ret)
{
    PolkitAnswer answer = {0};
    int authorized, challenge, r;

    r = sd_bus_message_has_signature(reply, "(bba{ss})");
    if (r > 0)
        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (r > 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    if (r > 0)
        r = read_details(reply, &answer);
    else if (r == 0)
        r = -EBADMSG;
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;

    answer.authorized = authorized;
    answer.challenge = challenge;
    *ret = answer;
    return 0;
}
