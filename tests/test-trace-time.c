/* SPDX-License-Identifier: MIT */

/* mtrpacketctl trace: how long it takes, what it sends, and how it ends before its end. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client-run.h"
#include "fixture.h"
#include "late-host.h"
#include "network.h"
#include "user-program.h"

/* Calls that it lets wait, as client/prober.h says. */
#define WAITING_MAX 90

/*
 * Time
 */

/* Where all answer it does not wait for what it would wait for at most; where some do not it waits
 * for all of them at once. */
static void timeouts(Fixture *fixture)
{
    json_t *answering = client_document("trace -n --timeout=60 " NETWORK_TARGET_4, 0);
    json_t *silent = client_document("trace -n --max-ttl=30 --timeout=0.5 " NETWORK_HOLE_4, 1);

    g_assert_cmpint(document_usec(answering), <, 60 * G_USEC_PER_SEC);
    g_assert_cmpint(document_usec(silent), >=, G_USEC_PER_SEC / 2);
    g_assert_cmpint(document_usec(silent), <, 28 * G_USEC_PER_SEC / 2);
    g_assert_cmpuint(json_array_size(json_object_get(silent, "hops")), ==, 30);
    json_decref(answering);
    json_decref(silent);
}

static void test_timeouts(void)
{
    client_in_network(timeouts);
}

/* In rounds: each an interval after the one before; and none goes further than the target, once
 * that is known. */
static void rounds(Fixture *fixture)
{
    enum { N_ROUNDS = 3, HOPS = 3, MAX_TTL = 20 };
    json_t *document;

    network_count_start("probes", "ip daddr %s meta l4proto icmp", NETWORK_TARGET_4);
    document = client_document("trace -n --interval=1.5 --max-ttl=20 " NETWORK_TARGET_4, 0);
    g_assert_cmpuint(json_array_size(json_object_get(document, "hops")), ==, HOPS);
    for (size_t hop = 0; hop < HOPS; hop++)
        for (size_t i = 0; i < N_ROUNDS; i++)
            g_assert_cmpint(document_moment(document_probe(document, hop, i), "started"), >=,
                            document_moment(document, "started") +
                                (gint64)i * 3 * G_USEC_PER_SEC / 2);
    for (size_t i = 1; i < N_ROUNDS; i++)
        g_assert_cmpint(document_moment(document_probe(document, HOPS - 1, i - 1), "ended"), <,
                        document_moment(document_probe(document, 0, i), "started"));
    g_assert_cmpuint(network_count("probes"), ==, MAX_TTL + (N_ROUNDS - 1) * HOPS);
    json_decref(document);
}

static void test_rounds(void)
{
    client_in_network(rounds);
}

/*
 * Calls
 */

/* Calls of whom somebody waits for. */
typedef struct Waiting {
    GHashTable *calls; /* "SENDER SERIAL" */
    unsigned n_max, n_probes;
} Waiting;

static void on_message(GDBusMessage *message, void *userdata)
{
    Waiting *waiting = userdata;
    GDBusMessageType type = g_dbus_message_get_message_type(message);

    if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
        g_strcmp0(g_dbus_message_get_member(message), "Probe") == 0) {
        waiting->n_probes++;
        g_hash_table_add(waiting->calls,
                         g_strdup_printf("%s %u", g_dbus_message_get_sender(message),
                                         g_dbus_message_get_serial(message)));
        waiting->n_max = MAX(waiting->n_max, g_hash_table_size(waiting->calls));
    } else if (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR) {
        g_autofree char *call = g_strdup_printf("%s %u", g_dbus_message_get_destination(message),
                                                g_dbus_message_get_reply_serial(message));

        g_hash_table_remove(waiting->calls, call);
    }
}

/* A long trace has as many calls waiting as it may, and no more; and it comes to its end. */
static void calls(Fixture *fixture)
{
    Waiting waiting = {.calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    json_t *document, *hops, *hop;
    Monitor monitor;
    size_t i;

    monitor_start(&monitor, on_message, &waiting);
    document = client_document("trace -n --max-ttl=255 --timeout=0.2 " NETWORK_HOLE_4, 1);
    monitor_catch_up(&monitor, fixture);
    monitor_stop(&monitor);

    g_assert_cmpuint(waiting.n_max, ==, WAITING_MAX);
    g_assert_cmpuint(waiting.n_probes, ==, 3 * 255);
    g_assert_cmpuint(g_hash_table_size(waiting.calls), ==, 0);
    g_assert_true(json_is_true(json_object_get(document, "complete")));
    hops = json_object_get(document, "hops");
    g_assert_cmpuint(json_array_size(hops), ==, 255);
    json_array_foreach(hops, i, hop)
        g_assert_cmpuint(json_array_size(json_object_get(hop, "probes")), ==, 3);
    json_decref(document);
    g_hash_table_unref(waiting.calls);
}

static void test_calls(void)
{
    client_in_network(calls);
}

/*
 * Names that do not come
 */

/* How many questions there are, which are taken. */
static unsigned take_questions(GSocket *server)
{
    char question[512];
    unsigned n = 0;

    g_socket_set_blocking(server, FALSE);
    while (g_socket_receive(server, question, sizeof(question), NULL, NULL) > 0)
        n++;
    return n;
}

/* Look-ups that hang are waited for two seconds, all at once, where the resolver itself would for a
 * minute and a name would have one of its own. */
static void names(Fixture *fixture)
{
    GSocket *server = late_host_silent_server();
    json_t *document;

    document = client_document("trace " NETWORK_TARGET_4, 0);
    g_assert_cmpint(document_usec(document), >=, 2 * G_USEC_PER_SEC);
    g_assert_cmpint(document_usec(document), <, 2 * 3 * G_USEC_PER_SEC);
    g_assert_cmpuint(json_object_size(json_object_get(document, "names")), ==, 0);
    g_assert_true(json_is_true(json_object_get(document, "complete")));
    json_decref(document);
    g_assert_cmpuint(take_questions(server), ==, 3);

    json_decref(client_document("trace -n " NETWORK_TARGET_4, 0));
    g_assert_cmpuint(take_questions(server), ==, 0);
    g_object_unref(server);
}

static void test_names(void)
{
    g_assert_true(g_file_set_contents("/etc/resolv.conf",
                                      "nameserver 127.0.0.1\noptions timeout:30\n", -1, NULL));
    client_in_network(names);
}

/*
 * Ends that are none
 */

static void expect_match(StreamClient *client, const char *pattern)
{
    g_autofree char *line = stream_line(client);
    g_autofree char *whole = g_strdup_printf("\\A%s\\z", pattern);

    g_assert_nonnull(line);
    if (!g_regex_match_simple(whole, line, 0, 0))
        g_error("\"%s\" does not match \"%s\"", line, pattern);
}

/* Starts a trace that waits for a minute behind the second hop, and waits until what comes before
 * is shown. Returns its process. */
static GPid start_trace(StreamClient *client, int *err)
{
    g_auto(GStrv) argv = client_argv("trace -n --max-ttl=4 --timeout=60 " NETWORK_HOLE_4);
    GPid pid = user_spawn(0, (const char *const *)argv, client, err);

    expect_match(client, "trace to 198\\.51\\.100\\.79, up to 4 hops");
    expect_match(client, " 1  192\\.0\\.2\\.2" CLIENT_MS3);
    expect_match(client, " 2  198\\.51\\.100\\.2" CLIENT_MS3);
    return pid;
}

/* Waits for its end, and checks its exit status and its stderr. */
static void expect_end(StreamClient *client, GPid pid, int err, int status, const char *said)
{
    char text[512] = "";
    int wait_status;

    stream_expect_end(client);
    wait_status = user_wait(pid);
    g_assert_true(WIFEXITED(wait_status));
    g_assert_cmpint(read(err, text, sizeof(text) - 1), >=, 0);
    g_assert_cmpstr(text, ==, said);
    g_assert_cmpint(WEXITSTATUS(wait_status), ==, status);
    close(err);
    stream_client_clear(client);
}

/* What is known is shown at once; if the service goes, that is said once, and is all. */
static void killed(Fixture *fixture)
{
    StreamClient client;
    GPid pid, packet;
    int err;

    pid = start_trace(&client, &err);
    packet = process_child(fixture->service_pid);
    fixture_end_service(fixture, SIGKILL);
    g_assert_cmpint(kill(packet, SIGKILL), ==, 0); /* as systemd does: it still waits for answers */
    process_wait(packet);
    expect_end(&client, pid, err, 5,
               "Message recipient disconnected from message bus without replying\n");
}

static void test_killed(void)
{
    client_in_network(killed);
}

/* The same if it stops in order. */
static void stopped(Fixture *fixture)
{
    StreamClient client;
    GPid pid;
    int err;

    pid = start_trace(&client, &err);
    g_assert_cmpint(fixture_end_service(fixture, SIGTERM), ==, 0);
    expect_end(&client, pid, err, 5, "the service was stopped before there was an answer\n");
}

static void test_stopped(void)
{
    client_in_network(stopped);
}

/* And if it is the bus that goes. */
static void test_bus_killed(void)
{
    StreamClient client;
    Fixture fixture;
    GPid pid;
    int err;

    network_up();
    fixture_start(&fixture, NULL);
    pid = start_trace(&client, &err);
    fixture_kill_bus(&fixture);
    expect_end(&client, pid, err, 5,
               "Failed to connect to the system bus: the connection was closed\n");
    fixture_wait_service(&fixture);
    fixture_stop(&fixture);
    network_down();
}

/* Ctrl-C: what is known is shown, and that is no error; but not all is known. */
static void interrupted(Fixture *fixture)
{
    StreamClient client;
    GPid pid;
    int err;

    pid = start_trace(&client, &err);
    g_assert_cmpint(kill(pid, SIGINT), ==, 0);
    expect_end(&client, pid, err, 1, "");
}

static void test_interrupted(void)
{
    client_in_network(interrupted);
}

static void add_tests(void)
{
    g_test_add_func("/trace-time/timeouts", test_timeouts);
    g_test_add_func("/trace-time/rounds", test_rounds);
    g_test_add_func("/trace-time/calls", test_calls);
    g_test_add_func("/trace-time/killed", test_killed);
    g_test_add_func("/trace-time/stopped", test_stopped);
    g_test_add_func("/trace-time/bus-killed", test_bus_killed);
    g_test_add_func("/trace-time/interrupted", test_interrupted);
    g_test_add_func("/trace-time/names", test_names);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
