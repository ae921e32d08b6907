/* SPDX-License-Identifier: MIT */

#include "soak-call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "soak-stream.h"

/* No answer takes so long: a timeout of 10 s, polkit's 20 s, 5 s until mtr-packet counts as hung, 5
 * s of a pause. In seconds. */
#define ANSWER_MAX 45

/* How long calls may be too many once a client makes them. */
#define BEYOND_USEC (15 * 1000000LL)

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

static void call_free(Call *call)
{
    g_free(call->what);
    g_free(call);
}

/*
 * Answers
 */

static void read_said(Said *ret, Call *call, sd_bus_message *message)
{
    const sd_bus_error *error = sd_bus_message_get_error(message);
    int success = 0;

    *ret = (Said){.time_ms = NAN, .responder = ""};
    if (error) {
        ret->error = error->name;
        ret->message = error->message;
        return;
    }
    if (call->kind != CALL_PROBE)
        return;
    if (sd_bus_message_read(message, "bsds", &success, &ret->word, &ret->time_ms, &ret->responder) <
            0 ||
        sd_bus_message_skip(message, "a(uyby)") < 0 ||
        sd_bus_message_enter_container(message, 'a', "{sv}") < 0)
        g_error("a result has not the form that it is to have");
    ret->success = success;
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char *key, *number;

        g_assert_cmpint(sd_bus_message_read(message, "s", &key), >, 0);
        if (strcmp(key, "address") == 0)
            g_assert_cmpint(sd_bus_message_read(message, "v", "s", &ret->address), >, 0);
        else if (strcmp(key, "errno") == 0 && sd_bus_message_read(message, "v", "s", &number) > 0)
            ret->number = atoi(number);
        else
            g_assert_cmpint(sd_bus_message_skip(message, "v"), >=, 0);
        g_assert_cmpint(sd_bus_message_exit_container(message), >=, 0);
    }
}

static _Atomic int64_t *beyond(const Client *client)
{
    return &client->board->beyond[client->user - soak_users];
}

/* Whether an error is right for another reason than what was asked. */
static bool is_explained(const Call *call, const char *error)
{
    const Client *client = call->client;

    if (strcmp(error, ERROR_CANCELLED) == 0) /* its session was closed meanwhile */
        return call->session > 0 && client->n_closed >= call->session;
    if (strcmp(error, ERROR_LIMITS_EXCEEDED) == 0 && *beyond(client) >= call->sent)
        return true;
    return call->or_error && strcmp(error, call->or_error) == 0;
}

static Verdict judge(Call *call, const Said *said, uint32_t faults, double waited, char **ret_why)
{
    Verdict verdict;

    if (said->error && is_explained(call, said->error))
        return VERDICT_EXCUSED;
    if (call->kind == CALL_PROBE)
        return truth_of_probe(&call->ask, call->client->user, said, waited, faults, ret_why);
    verdict = truth_of_error(call->error, said, waited, faults, call->waits_for);
    if (verdict == VERDICT_FALSE)
        *ret_why = g_strdup(call->error ? call->error : "no error");
    return verdict;
}

static void note_session(Call *call, const Said *said)
{
    Client *client = call->client;

    if (call->kind == CALL_OPEN && client->session == SESSION_OPENING)
        client->session = said->error ? SESSION_NONE : SESSION_OPEN;
    if (call->kind == CALL_CLOSE && client->session == SESSION_CLOSING)
        client->session = SESSION_NONE;
}

static void note_stream(Call *call, const Said *said, sd_bus_message *message)
{
    Client *client = call->client;
    int fd;

    client->opens_stream = false;
    if (said->error)
        return;
    g_assert_cmpint(sd_bus_message_read(message, "h", &fd), >, 0);
    client->stream = soak_stream_new(client, fd);
    if (client->leaving)
        soak_stream_shut(client->stream);
}

static void note_answer(Call *call, sd_bus_message *message)
{
    Client *client = call->client;
    double waited = (double)(board_now() - call->sent) / 1e6;
    char *why = NULL;
    Verdict verdict;
    int supported;
    Said said;

    read_said(&said, call, message);
    if (said.error && !sd_bus_is_open(client->bus)) {
        client_count(client, COUNT_DISCONNECT, 1);
        return;
    }
    if (said.error && strcmp(said.error, "org.freedesktop.DBus.Error.Timeout") == 0) {
        client_count(client, COUNT_UNANSWERED, 1);
        why = g_strdup("an answer");
        client_note_verdict(client, VERDICT_FALSE, &said, call->sent,
                            call->what ? g_strdup(call->what) : ask_text(&call->ask), why);
        return;
    }

    client_count(client,
                 !said.error                 ? COUNT_RESULTS
                 : truth_is_gone(said.error) ? COUNT_GONE
                                             : COUNT_ERRORS,
                 1);
    verdict = judge(call, &said, client_faults(client, &said, call->sent), waited, &why);
    if (call->kind == CALL_CHECK && !said.error && verdict == VERDICT_RIGHT) {
        g_assert_cmpint(sd_bus_message_read(message, "b", &supported), >, 0);
        if (supported != call->supported) {
            verdict = VERDICT_FALSE;
            why = g_strdup("the other");
        }
    }
    note_session(call, &said);
    if (call->kind == CALL_STREAM)
        note_stream(call, &said, message);
    client_note_verdict(client, verdict, &said, call->sent,
                        verdict != VERDICT_FALSE ? NULL
                        : call->what             ? g_strdup(call->what)
                                                 : ask_text(&call->ask),
                        why);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Call *call = userdata;
    Client *client = call->client;

    note_answer(call, message);
    client->n_calls--;
    client_note_outstanding(client, -1, false);
    call_free(call);
    client_look(client);
    return 1;
}

/* Answers that no call waits for come here, since nothing before has taken them. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Client *client = userdata;
    uint64_t cookie;

    if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected")) {
        if (!(board_faults(client->board, board_now()) & FAULT_BIT(FAULT_BUS)))
            board_fail(client->board, "client %u (seed %u): the bus has dropped it", client->slot,
                       client->seed);
        return sd_event_exit(client->event, CLIENT_BUS_LOST);
    }
    /* Of a call that wants no answer a bus says that it could not be passed on, all the same. */
    if (sd_bus_message_get_reply_cookie(message, &cookie) >= 0 &&
        g_strcmp0(sd_bus_message_get_sender(message), "org.freedesktop.DBus") != 0) {
        client_count(client, COUNT_TWICE, 1);
        board_fail(client->board, "client %u (seed %u): another answer to call %" G_GUINT64_FORMAT,
                   client->slot, client->seed, (guint64)cookie);
    }
    return 0;
}

void call_watch_unwanted(Client *client)
{
    g_assert_cmpint(sd_bus_add_filter(client->bus, NULL, on_message, client), >=, 0);
}

/*
 * Calls
 */

static sd_bus_message *message_new(Client *client, const char *interface, const char *method)
{
    sd_bus_message *message;

    /* Fails where the bus was lost a moment ago. */
    if (sd_bus_message_new_method_call(client->bus, &message, SERVICE_NAME, SERVICE_PATH, interface,
                                       method) < 0)
        return NULL;
    return message;
}

static Call *call_new(Client *client, CallKind kind)
{
    Call *call = g_new0(Call, 1);

    call->client = client;
    call->kind = kind;
    if (client->session == SESSION_OPENING || client->session == SESSION_OPEN)
        call->session = client->n_sessions;
    return call;
}

/* Takes message and call over. */
static void send_call(Call *call, sd_bus_message *message)
{
    Client *client = call->client;
    int r;

    call->sent = board_now();
    client_note_outstanding(client, 1, false);
    r = sd_bus_call_async(client->bus, NULL, message, on_answer, call, ANSWER_MAX * 1000000ULL);
    sd_bus_message_unref(message);
    if (r < 0) { /* the bus is lost: nothing was sent */
        client_note_outstanding(client, -1, false);
        if (call->kind == CALL_STREAM)
            client->opens_stream = false;
        call_free(call);
        return;
    }
    client_count(client, COUNT_CALLS, 1);
    client->n_calls++;
}

static bool may_call(const Client *client)
{
    return client->n_calls < CLIENT_CALLS_MAX && sd_bus_is_open(client->bus) > 0;
}

static void probe(Client *client)
{
    sd_bus_message *message = message_new(client, SERVICE_INTERFACE, "Probe");
    Call *call;

    if (!message)
        return;
    call = call_new(client, CALL_PROBE);
    ask_make(&call->ask, client->rand, client->user, false);
    g_assert_cmpint(ask_append(&call->ask, message), >=, 0);
    send_call(call, message);
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
    atomic_store(beyond(client), board_now() + BEYOND_USEC);
    for (unsigned i = 0; i < 300; i++)
        probe(client);
}

void call_without_reply(Client *client)
{
    sd_bus_message *message = message_new(client, SERVICE_INTERFACE, "Probe");
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
    send_call(call, message);
}

void call_property(Client *client)
{
    static const char *const names[] = {"Version",        "PacketVersion", "Features",
                                        "ProbesInFlight", "ProbesQueued",  "Statistics"};
    const char *name = names[g_rand_int_range(client->rand, 0, G_N_ELEMENTS(names))];
    sd_bus_message *message;

    if (!may_call(client) ||
        !(message = message_new(client, "org.freedesktop.DBus.Properties", "Get")))
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

    if (!may_call(client) || !(message = message_new(client, SERVICE_INTERFACE, "CheckSupport")))
        return;
    g_assert_cmpint(sd_bus_message_append(message, "s", features[i].name), >=, 0);
    call = call_new(client, CALL_CHECK);
    call->what = g_strdup_printf("CheckSupport %s", features[i].name);
    call->error = features[i].error;
    call->supported = features[i].supported;
    call->waits_for = TRUTH_PACKET_FAULTS;
    send_call(call, message);
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
    sd_bus_message *message = message_new(client, SERVICE_INTERFACE, opens ? "Open" : "Close");
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
    send_call(call, message);
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
        !(message = message_new(client, SERVICE_INTERFACE, "OpenStream")))
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
    send_call(call, message);
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
    sd_bus_message *message = message_new(client, SERVICE_INTERFACE, unknown ? "Nothing" : "Probe");

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
    if (!(message = message_new(client, SERVICE_INTERFACE, "Probe")))
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
    send_call(call, message);
}
