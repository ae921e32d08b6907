/* SPDX-License-Identifier: MIT */

#include "bus-call.h"

#include <errno.h>

#include "util.h"

int bus_call_note(BusCall *ret, sd_bus_message *message)
{
    uint64_t cookie;
    int r;

    r = sd_bus_message_get_cookie(message, &cookie);
    if (r < 0)
        return r;
    if (cookie > UINT32_MAX)
        return -EBADMSG; /* no bus has such */

    *ret = (BusCall){
        .cookie = (uint32_t)cookie,
        .expects_reply = sd_bus_message_get_expect_reply(message) > 0,
        .interactive = sd_bus_message_get_allow_interactive_authorization(message) > 0,
    };
    return 0;
}

int bus_call_message(const BusCall *call, sd_bus_message **ret, sd_bus *bus, const char *sender)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    int r;

    /* Path and member are not missed: it is never sent. */
    r = sd_bus_message_new(bus, &message, SD_BUS_MESSAGE_METHOD_CALL);
    if (r >= 0)
        r = sd_bus_message_set_sender(message, sender);
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(message, call->expects_reply);
    if (r >= 0)
        r = sd_bus_message_seal(message, call->cookie, 0);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(message);
    return 0;
}
