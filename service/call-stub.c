/* SPDX-License-Identifier: MIT */

#include "call-stub.h"

#include "util.h"

int call_stub_new(sd_bus_message **ret, sd_bus_message *call)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *stub = NULL;
    uint64_t cookie;
    int r;

    r = sd_bus_message_get_cookie(call, &cookie);
    if (r >= 0)
        r = sd_bus_message_new_method_call(
            sd_bus_message_get_bus(call), &stub, sd_bus_message_get_destination(call),
            sd_bus_message_get_path(call), sd_bus_message_get_interface(call),
            sd_bus_message_get_member(call));
    if (r >= 0)
        r = sd_bus_message_set_sender(stub, sd_bus_message_get_sender(call));
    if (r >= 0)
        r = sd_bus_message_set_expect_reply(stub, sd_bus_message_get_expect_reply(call));
    if (r >= 0)
        r = sd_bus_message_set_allow_interactive_authorization(
            stub, sd_bus_message_get_allow_interactive_authorization(call));
    if (r >= 0)
        r = sd_bus_message_seal(stub, cookie, 0);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(stub);
    return 0;
}
