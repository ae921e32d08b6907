/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is kept of a call until it is answered. The call itself may be large, in header fields that
 * some buses let through and nobody reads, and a caller has many that wait; and even an empty
 * message is larger than all else that there is of a call.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

typedef struct BusCall {
    uint32_t cookie;
    bool expects_reply;
    bool interactive; /* the caller's user may be asked to authenticate */
} BusCall;

/** bus_call_note() - what is kept of @message; 0 or a negative errno */
int bus_call_note(BusCall *ret, sd_bus_message *message);

/**
 * bus_call_message() - a message to which can be replied as to the call
 * @ret: the message, only on success
 * @bus: that the call came over
 * @sender: who called
 *
 * Return: 0 or a negative errno.
 */
int bus_call_message(const BusCall *call, sd_bus_message **ret, sd_bus *bus, const char *sender);
