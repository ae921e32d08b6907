/* SPDX-License-Identifier: MIT */

/* mtrpacketctl and mtrpacket-bridge with a service that is not ours: a newer one, one that is
 * broken, and one that answers in an order of its own. */

#include <string.h>

#include "client-run.h"
#include "fixture.h"

#define TARGET "127.0.0.1"

typedef struct Other Other;

struct Other {
    Fixture fixture;
    GDBusConnection *connection;
    void (*take)(Other *other, GDBusMessage *call);
    unsigned n_calls; /* so far */
    GPtrArray *held;  /* calls that are answered later */
};

/* Sends REPLY, which is taken over. */
static void send_reply(Other *other, GDBusMessage *reply)
{
    g_assert_true(g_dbus_connection_send_message(other->connection, reply,
                                                 G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
    g_object_unref(reply);
}

static void answer(Other *other, GDBusMessage *call, GVariant *body)
{
    GDBusMessage *reply = g_dbus_message_new_method_reply(call);

    g_dbus_message_set_body(reply, body);
    send_reply(other, reply);
}

static void refuse(Other *other, GDBusMessage *call, const char *error, const char *text)
{
    send_reply(other, g_dbus_message_new_method_error_literal(call, error, text));
}

static void answer_probe(Other *other, GDBusMessage *call)
{
    answer(other, call,
           g_variant_new_parsed("(true, 'reply', 0.25, '" TARGET "', @a(uyby) [], "
                                "{'hops': <uint32 3>, 'address': <'" TARGET "'>})"));
}

/* In a thread of the connection's: the test waits for the client meanwhile. */
static GDBusMessage *on_message(GDBusConnection *connection, GDBusMessage *message,
                                gboolean incoming, void *userdata)
{
    Other *other = userdata;

    if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return message;
    other->n_calls++;
    other->take(other, message);
    g_object_unref(message);
    return NULL;
}

/* A service that gives each call to @take, which answers it. */
static void other_start(Other *other, void (*take)(Other *other, GDBusMessage *call))
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    *other = (Other){.take = take, .held = g_ptr_array_new_with_free_func(g_object_unref)};
    fixture_bus(&other->fixture);
    other->connection = fixture_connect(0);
    g_dbus_connection_add_filter(other->connection, on_message, other, NULL);
    reply = g_dbus_connection_call_sync(
        other->connection, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", SERVICE_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
}

static void other_stop(Other *other)
{
    fixture_disconnect(other->connection);
    g_ptr_array_unref(other->held);
    fixture_stop(&other->fixture);
}

/*
 * Answers of another form
 */

static void answer_strangely(Other *other, GDBusMessage *call)
{
    answer(other, call, g_variant_new("(s)", "hello"));
}

static void assert_bridge(int status, const char *line)
{
    const char *const argv[] = {fixture_program("TEST_BRIDGE", "mtrpacket-bridge"), NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(argv, &out, &err), ==, status);
    g_assert_cmpstr(out, ==, "");
    g_assert_true(g_str_has_prefix(err, line));
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
}

/* What is not understood is said, and is no result. */
static void test_strange(void)
{
    static const char *const commands[] = {"probe " TARGET, "check-support icmp", "status",
                                           "-j probe " TARGET};
    Other other;

    other_start(&other, answer_strangely);
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
        client_assert(commands[i], 5, "", "Failed to read the answer: .*\n");
    client_assert("ping -c 3 " TARGET, 5, "", ".+\n");
    client_assert("trace -n " TARGET, 5, "", ".+\n");
    assert_bridge(1, "mtrpacket-bridge: The service's answer is not understood: ");
    other_stop(&other);
}

static void answer_newly(Other *other, GDBusMessage *call)
{
    if (g_strcmp0(g_dbus_message_get_member(call), "GetAll") == 0)
        answer(other, call,
               g_variant_new_parsed("({'Version': <'9'>, 'PacketVersion': <'2.0'>, 'Colour': "
                                    "<(1, 'red')>, 'ProbesInFlight': <uint32 7>},)"));
    else
        answer_probe(other, call);
}

/* What a newer one says besides is left out. */
static void test_newer(void)
{
    Other other;

    other_start(&other, answer_newly);
    client_assert("-j probe " TARGET, 0, ".*\"details\":{\"address\":\"" TARGET "\"}}\n", "");
    client_assert("probe " TARGET, 0, "reply from " TARGET " in 0.250 ms\n", "");
    client_assert("status", 0,
                  "Service +mtrpacketd 9\nmtr-packet +2.0\n(.*\n)*In flight +7 .*\n(.*\n)*", "");
    other_stop(&other);
}

/*
 * Refusals
 */

static void refuse_stopping(Other *other, GDBusMessage *call)
{
    refuse(other, call, ERROR_STATE, "the service is stopping, call again");
}

/* One that is stopping is called again, and not without end. */
static void test_stopping(void)
{
    Other other;

    other_start(&other, refuse_stopping);
    assert_bridge(1, "mtrpacket-bridge: the service is stopping, call again");
    g_assert_cmpuint(other.n_calls, ==, 3);
    other_stop(&other);
}

static void refuse_second(Other *other, GDBusMessage *call)
{
    if (other->n_calls == 2)
        refuse(other, call, ERROR_PROCESS, "mtr-packet was lost");
    else
        answer_probe(other, call);
}

/* A probe that fails on the way is said, and the next one sent. */
static void test_failed_ping(void)
{
    Other other;

    other_start(&other, refuse_second);
    client_assert("ping -c 3 -i 0.001 " TARGET, 0, "1: reply .*\n3: reply .*\n(.*\n)*",
                  "2: mtr-packet was lost\n");
    g_assert_cmpuint(other.n_calls, ==, 3);
    other_stop(&other);
}

static void deny_second(Other *other, GDBusMessage *call)
{
    if (other->n_calls == 2)
        refuse(other, call, ERROR_ACCESS_DENIED, "user 0 may not send probes");
    else
        answer_probe(other, call);
}

/* Who may not any more is shown what there was before. */
static void test_denied_ping(void)
{
    Other other;

    other_start(&other, deny_second);
    client_assert("ping -c 3 -i 0.001 " TARGET, 3, "1: reply (.*\n)+", "2: user 0 may not .*\n");
    other_stop(&other);
}

/*
 * Many that wait
 */

#define WAITING_MAX 90 /* as mtrpacketctl has them */

static unsigned probe_ttl(GDBusMessage *call)
{
    g_autoptr(GVariant) options = g_variant_get_child_value(g_dbus_message_get_body(call), 1);
    g_autoptr(GVariant) ttl = g_variant_lookup_value(options, "ttl", NULL);
    g_autofree char *text = g_variant_print(ttl, FALSE);

    return (unsigned)g_ascii_strtoull(text, NULL, 10);
}

/* When all have come, the target is one hop away, and what is behind it fails before that hop has
 * all its answers. */
static void fail_beyond(Other *other, GDBusMessage *call)
{
    unsigned n_reached = 0;

    g_ptr_array_add(other->held, g_object_ref(call));
    if (other->held->len < WAITING_MAX)
        return;
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < other->held->len; i++) {
            GDBusMessage *held = other->held->pdata[i];
            bool is_first = probe_ttl(held) == 1;

            if (pass == 1 && !is_first)
                refuse(other, held, ERROR_PROCESS, "mtr-packet was lost");
            else if (is_first && pass == (n_reached > 0 ? 2 : 0) && ++n_reached > 0)
                answer_probe(other, held);
        }
    }
}

static void test_failed_beyond(void)
{
    Other other;

    other_start(&other, fail_beyond);
    client_assert("trace -n " TARGET, 0, "trace to .*\n 1  " TARGET CLIENT_MS3 "\n", "");
    g_assert_cmpuint(other.n_calls, ==, WAITING_MAX);
    other_stop(&other);
}

static void answer_late(Other *other, GDBusMessage *call)
{
    g_ptr_array_add(other->held, g_object_ref(call));
    if (other->n_calls < WAITING_MAX)
        return;
    for (unsigned i = 0; i < other->held->len; i++)
        answer_probe(other, other->held->pdata[i]);
    g_ptr_array_set_size(other->held, 0);
}

/* No more wait than a connection may have on the bus, and in the end all are sent. */
static void test_held_ping(void)
{
    Other other;

    other_start(&other, answer_late);
    client_assert("ping -c 200 -i 0.001 " TARGET, 0, "1: reply (.*\n)*200: reply (.*\n)*", "");
    g_assert_cmpuint(other.n_calls, ==, 200);
    other_stop(&other);
}

static void add_tests(void)
{
    g_test_add_func("/other-service/strange", test_strange);
    g_test_add_func("/other-service/newer", test_newer);
    g_test_add_func("/other-service/stopping", test_stopping);
    g_test_add_func("/other-service/failed-ping", test_failed_ping);
    g_test_add_func("/other-service/denied-ping", test_denied_ping);
    g_test_add_func("/other-service/failed-beyond", test_failed_beyond);
    g_test_add_func("/other-service/held-ping", test_held_ping);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
