/* SPDX-License-Identifier: MIT */

#include "soak-answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "soak-call.h"
#include "soak-stream.h"

/* No answer takes so long: a timeout of 10 s, polkit's 20 s, 5 s until mtr-packet counts as hung, 5
 * s of a pause. In seconds. */
#define ANSWER_MAX 45

static void call_free(Call *call)
{
    g_free(call->what);
    g_free(call);
}

static int read_labels(sd_bus_message *message, bool *ret)
{
    int r = sd_bus_message_enter_container(message, 'a', "(uyby)");

    *ret = r >= 0 && sd_bus_message_at_end(message, false) == 0;
    while (r >= 0 && sd_bus_message_at_end(message, false) == 0)
        r = sd_bus_message_skip(message, "(uyby)");
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

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
        read_labels(message, &ret->labels) < 0 ||
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

_Atomic int64_t *call_beyond_until(const Client *client)
{
    return &client->board->beyond[client->user - soak_users];
}

/* Whether an error is right for another reason than what was asked. */
static bool is_explained(const Call *call, const char *error)
{
    const Client *client = call->client;

    if (strcmp(error, ERROR_CANCELLED) == 0) /* its session was closed meanwhile */
        return call->session > 0 && client->n_closed >= call->session;
    if (strcmp(error, ERROR_LIMITS_EXCEEDED) == 0 && *call_beyond_until(client) >= call->sent)
        return true;
    return call->or_error && strcmp(error, call->or_error) == 0;
}

static Verdict judge(Call *call, const Said *said, uint32_t faults, double waited, char **ret_why)
{
    Verdict verdict;

    if (said->error && is_explained(call, said->error))
        return VERDICT_EXCUSED;
    if (said->word && strcmp(said->word, "no-reply") == 0)
        faults = client_loss_faults(call->client, &call->ask, faults);
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
    if (waited > ANSWER_MAX - 0.1) { /* so the library says that there was no answer */
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

sd_bus_message *call_message_new(Client *client, const char *interface, const char *method)
{
    sd_bus_message *message;

    /* Fails where the bus was lost a moment ago. */
    if (sd_bus_message_new_method_call(client->bus, &message, SERVICE_NAME, SERVICE_PATH, interface,
                                       method) < 0)
        return NULL;
    return message;
}

Call *call_new(Client *client, CallKind kind)
{
    Call *call = g_new0(Call, 1);

    call->client = client;
    call->kind = kind;
    if (client->session == SESSION_OPENING || client->session == SESSION_OPEN)
        call->session = client->n_sessions;
    return call;
}

void call_send(Call *call, sd_bus_message *message)
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
