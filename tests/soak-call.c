/* SPDX-License-Identifier: MIT */

#include "soak-call.h"

#include "soak-answer.h"

/* How long calls may be too many once a client makes them. */
#define BEYOND_USEC (15 * 1000000LL)

static bool may_call(const Client *client)
{
    return client->n_calls < CLIENT_CALLS_MAX && sd_bus_is_open(client->bus) > 0;
}

static void probe(Client *client)
{
    sd_bus_message *message = call_message_new(client, SERVICE_INTERFACE, "Probe");
    Call *call;

    if (!message)
        return;
    call = call_new(client, CALL_PROBE);
    ask_make(&call->ask, client->rand, client->user, false);
    g_assert_cmpint(ask_append(&call->ask, message), >=, 0);
    call_send(call, message);
}

void call_probe(Client *client)
{
    if (may_call(client))
        probe(client);
}

/* What is too much the bus refuses, or the service: these and all others of the same user that come
 * while they wait, which takes no longer than the longest timeout and the waits at 1000 a second.
 */
void call_beyond(Client *client)
{
    if (client->n_calls > 0 || !may_call(client))
        return;
    atomic_store(call_beyond_until(client), board_now() + BEYOND_USEC);
    for (unsigned i = 0; i < 300; i++)
        probe(client);
}

void call_without_reply(Client *client)
{
    sd_bus_message *message = call_message_new(client, SERVICE_INTERFACE, "Probe");
    Ask ask;

    if (!message)
        return;
    ask_make(&ask, client->rand, client->user, false);
    if (ask_append(&ask, message) >= 0 && sd_bus_message_set_expect_reply(message, false) >= 0 &&
        sd_bus_send(client->bus, message, NULL) >= 0)
        client_count(client, COUNT_NO_REPLY, 1);
    sd_bus_message_unref(message);
}

/* Sends what was appended to; @what is taken over. */
static void send_other(Client *client, sd_bus_message *message, CallKind kind, char *what,
                       const char *error, uint32_t waits_for)
{
    Call *call = call_new(client, kind);

    call->what = what;
    call->error = error;
    call->waits_for = waits_for;
    call_send(call, message);
}

void call_property(Client *client)
{
    static const char *const names[] = {"Version",        "PacketVersion", "Features",
                                        "ProbesInFlight", "ProbesQueued",  "Statistics"};
    const char *name = names[g_rand_int_range(client->rand, 0, G_N_ELEMENTS(names))];
    sd_bus_message *message;

    if (!may_call(client) ||
        !(message = call_message_new(client, "org.freedesktop.DBus.Properties", "Get")))
        return;
    g_assert_cmpint(sd_bus_message_append(message, "ss", SERVICE_INTERFACE, name), >=, 0);
    send_other(client, message, CALL_OTHER, g_strdup(name), NULL, 0);
}

void call_check_support(Client *client)
{
    static const struct {
        const char *name;
        bool supported;
        const char *error;
    } features[] = {
        {"send-probe", true, NULL}, {"ip-4", true, NULL},     {"ip-6", true, NULL},
        {"icmp", true, NULL},       {"udp", true, NULL},      {"tcp", true, NULL},
        {"mark", true, NULL},       {"nothing", false, NULL}, {"BAD!", false, ERROR_INVALID_ARGS},
    };
    unsigned i = (unsigned)g_rand_int_range(client->rand, 0, G_N_ELEMENTS(features));
    sd_bus_message *message;
    Call *call;

    if (!may_call(client) ||
        !(message = call_message_new(client, SERVICE_INTERFACE, "CheckSupport")))
        return;
    g_assert_cmpint(sd_bus_message_append(message, "s", features[i].name), >=, 0);
    call = call_new(client, CALL_CHECK);
    call->what = g_strdup_printf("CheckSupport %s", features[i].name);
    call->error = features[i].error;
    call->supported = features[i].supported;
    call->waits_for = TRUTH_PACKET_FAULTS;
    call_send(call, message);
}

/* Whether the session that the client knows of may have ended with the service. */
static bool may_have_lost_session(Client *client)
{
    return board_faults(client->board, client->session_since) & TRUTH_ENDS;
}

static void session_call(Client *client, bool opens)
{
    bool is_open = client->session == SESSION_OPEN;
    const char *denied = client->user->may_probe ? NULL : ERROR_ACCESS_DENIED;
    sd_bus_message *message = call_message_new(client, SERVICE_INTERFACE, opens ? "Open" : "Close");
    Call *call;

    if (!message)
        return;
    call = call_new(client, opens ? CALL_OPEN : CALL_CLOSE);
    call->what = g_strdup(opens ? "Open" : "Close");
    call->waits_for = opens ? TRUTH_PACKET_FAULTS | TRUTH_POLKIT_FAULTS : 0;
    if (opens)
        call->error = is_open ? ERROR_STATE : denied;
    else
        call->error = is_open ? NULL : ERROR_STATE;
    if (is_open && may_have_lost_session(client))
        call->or_error = ERROR_STATE;
    if (opens && !is_open) {
        client->session = SESSION_OPENING;
        client->session_since = board_now();
        call->session = ++client->n_sessions;
    } else if (!opens && is_open) {
        client->session = SESSION_CLOSING;
        client->n_closed = client->n_sessions;
        call->session = 0;
    }
    call_send(call, message);
}

void call_session(Client *client)
{
    bool is_open = client->session == SESSION_OPEN;

    if (!may_call(client) || (client->session != SESSION_OPEN && client->session != SESSION_NONE))
        return;
    if (!client_chance(client, 0.1)) {
        session_call(client, !is_open);
    } else if (!is_open || !may_have_lost_session(client)) { /* the wrong one */
        session_call(client, is_open);
    }
}

void call_stream(Client *client)
{
    bool with_mark = client_chance(client, client->user->may_mark ? 0.5 : 0.05);
    bool may = client->user->may_probe && (!with_mark || client->user->may_mark);
    sd_bus_message *message;
    Call *call;

    if (!may_call(client) || client->stream || client->opens_stream ||
        !(message = call_message_new(client, SERVICE_INTERFACE, "OpenStream")))
        return;
    g_assert_cmpint(with_mark ? sd_bus_message_append(message, "a{sv}", 1, "mark", "b", true)
                              : sd_bus_message_append(message, "a{sv}", 0),
                    >=, 0);
    client->opens_stream = true;
    call = call_new(client, CALL_STREAM);
    call->what = g_strdup("OpenStream");
    call->error = may ? NULL : ERROR_ACCESS_DENIED;
    call->or_error = ERROR_LIMITS_EXCEEDED; /* what others have open no client knows */
    call->waits_for = TRUTH_PACKET_FAULTS | TRUTH_POLKIT_FAULTS;
    call_send(call, message);
}

/*
 * Bad calls
 */

static const struct {
    const char *host;
    const char *key; /* NULL for no option */
    char type;       /* of the option's value */
    unsigned number;
    const char *text;
    const char *error;
    bool later; /* it is seen only after the authorisation */
} bad[] = {
    {"198.51.100.66", "ttl", 'u', 0, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "ttl", 'u', 256, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "ttl", 's', 0, "3", ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "port", 'u', 80, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "timeout", 'u', 61, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "size", 'u', 9001, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "tos", 'u', 256, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "bit_pattern", 'u', 256, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "mark", 's', 0, "7", ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "colour", 'u', 7, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "protocol", 's', 0, "gre", ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "ip_version", 'u', 5, NULL, ERROR_INVALID_ARGS, false},
    {"198.51.100.66", "ip_version", 'u', 6, NULL, ERROR_HOST_RESOLVE, false},
    {"198.51.100.66", "local_ip", 's', 0, "9.9.9.9", ERROR_INVALID_ARGS, true},
    {"", NULL, 0, 0, NULL, ERROR_INVALID_ARGS, false},
    {"224.0.0.1", NULL, 0, 0, NULL, ERROR_INVALID_ARGS, false},
    {"::", NULL, 0, 0, NULL, ERROR_INVALID_ARGS, false},
    {"fe80::1%lo", NULL, 0, 0, NULL, ERROR_NOT_SUPPORTED, false},
    {"nowhere.test", NULL, 0, 0, NULL, ERROR_HOST_RESOLVE, true},
    {"four.test", "ip_version", 'u', 6, NULL, ERROR_HOST_RESOLVE, true},
    {"multicast.test", NULL, 0, 0, NULL, ERROR_INVALID_ARGS, true},
};

static void call_misformed(Client *client)
{
    bool unknown = client_chance(client, 0.5);
    sd_bus_message *message =
        call_message_new(client, SERVICE_INTERFACE, unknown ? "Nothing" : "Probe");

    if (!message)
        return;
    g_assert_cmpint(sd_bus_message_append(message, "u", 7), >=, 0);
    send_other(client, message, CALL_OTHER, g_strdup(unknown ? "no method" : "no arguments"),
               unknown ? "org.freedesktop.DBus.Error.UnknownMethod" : ERROR_INVALID_ARGS, 0);
}

void call_badly(Client *client)
{
    unsigned i = (unsigned)g_rand_int_range(client->rand, 0, G_N_ELEMENTS(bad) + 2);
    sd_bus_message *message;
    Call *call;
    int r;

    if (!may_call(client))
        return;
    if (i >= G_N_ELEMENTS(bad)) {
        call_misformed(client);
        return;
    }
    if (!(message = call_message_new(client, SERVICE_INTERFACE, "Probe")))
        return;
    r = sd_bus_message_append(message, "s", bad[i].host);
    if (r >= 0 && !bad[i].key)
        r = sd_bus_message_append(message, "a{sv}", 0);
    else if (r >= 0 && bad[i].type == 's')
        r = sd_bus_message_append(message, "a{sv}", 1, bad[i].key, "s", bad[i].text);
    else if (r >= 0)
        r = sd_bus_message_append(message, "a{sv}", 1, bad[i].key, "u", bad[i].number);
    g_assert_cmpint(r, >=, 0);

    call = call_new(client, CALL_OTHER);
    call->what = g_strdup_printf("Probe \"%s\" %s %u %s", bad[i].host, bad[i].key ? bad[i].key : "",
                                 bad[i].number, bad[i].text ? bad[i].text : "");
    call->error = bad[i].later && !client->user->may_probe ? ERROR_ACCESS_DENIED : bad[i].error;
    call->waits_for = bad[i].later ? TRUTH_POLKIT_FAULTS | FAULT_BIT(FAULT_FORK) : 0;
    /* Of names a user may have 16 waiting. */
    call->or_error = g_str_has_suffix(bad[i].host, ".test") ? ERROR_LIMITS_EXCEEDED : NULL;
    call_send(call, message);
}
