/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A call of a client of the soak on its way: sent, answered, judged, counted.
 */

#include "soak-client.h"

typedef enum CallKind {
    CALL_PROBE,
    CALL_OTHER, /* what counts is its error, or that it has none */
    CALL_CHECK,
    CALL_OPEN,
    CALL_CLOSE,
    CALL_STREAM,
} CallKind;

typedef struct Call {
    Client *client;
    CallKind kind;
    Ask ask;              /* of CALL_PROBE */
    char *what;           /* of all others */
    const char *error;    /* that is expected, or NULL */
    const char *or_error; /* another, which is as good */
    bool supported;       /* of CALL_CHECK */
    uint32_t waits_for;   /* FAULT_BITs */
    unsigned session;     /* the number of the one that it belongs to, or 0 */
    int64_t sent;
} Call;

/** call_message_new() - a call of the service's object to be appended to, or NULL if the bus is
 * lost */
sd_bus_message *call_message_new(Client *client, const char *interface, const char *method);

/** call_new() - what is to be known of a call; in the client's session, if there is one */
Call *call_new(Client *client, CallKind kind);

/** call_send() - send the message, and judge what comes; message and call are taken over */
void call_send(Call *call, sd_bus_message *message);

/** call_beyond_until() - until when the client's user may have more calls than it may */
_Atomic int64_t *call_beyond_until(const Client *client);
