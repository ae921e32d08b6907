/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is said to polkit, and what it answers: the messages of its interface
 * org.freedesktop.PolicyKit1.Authority, as far as they are needed here.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* What is to be done, for rules that decide by it. */
typedef struct PolkitDetails {
    const char *host; /* as the caller gave it; NULL if nothing is sent anywhere */
    const char *protocol;
    uint32_t mark;
} PolkitDetails;

typedef struct PolkitAnswer {
    bool authorized;
    bool challenge; /* not authorized, but might be if the user authenticated */
    bool temporary; /* authorized, since the user has authenticated a while ago */
    bool dismissed; /* not authorized, since the user did not want to authenticate */
} PolkitAnswer;

/**
 * polkit_call_question() - write a call of CheckAuthorization
 * @ret: the call, not sent
 * @subject: a unique name on the bus
 * @action: what it would do
 * @number: 0, or else polkit may ask the user to authenticate, and by this number the call can be
 *   cancelled
 *
 * Return: 0 or a negative errno.
 */
int polkit_call_question(sd_bus *bus, sd_bus_message **ret, const char *subject, const char *action,
                         const PolkitDetails *details, unsigned number);

/** polkit_call_answer() - read what CheckAuthorization returned, which is no error; 0, -EBADMSG, or
 * -ENOMEM */
int polkit_call_answer(sd_bus_message *reply, PolkitAnswer *ret);

/** polkit_call_cancel() - have a prompt disappear; polkit then answers the call of this number */
void polkit_call_cancel(sd_bus *bus, unsigned number);
