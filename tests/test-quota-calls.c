/* SPDX-License-Identifier: MIT */

/* What a user may have of other calls than probes, and before it is known whose they are. */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake-packet.h"
#include "quota-scene.h"
#include "stream-client.h"

/*
 * Other calls
 */

#define ASKERS 20

/* Questions on many connections, half of which nobody wants answered: no more of them wait than of
 * probes. */
static void test_questions(void)
{
    static const char *const options[] = {"--user-probes=64", NULL};
    GDBusConnection *connections[ASKERS], *second;
    unsigned n_answers = 0, n_refused = 0;
    Answer answers[ASKERS][10], answer;
    Polkit polkit;

    quota_start(&polkit, quota_fake(FAKE_NAME_LATE), options);
    second = fixture_connect(SECOND);
    for (unsigned i = 0; i < ASKERS; i++) {
        connections[i] = fixture_connect(FIRST);
        for (unsigned j = 0; j < 10; j++) {
            g_autofree char *feature = g_strdup_printf("feature-%u-%u", i, j);

            check_support(&answers[i][j], connections[i], feature);
            send_unanswered(connections[i], "CheckSupport", g_variant_new("(s)", feature));
        }
    }
    for (unsigned i = 0; i < ASKERS; i++)
        connection_catch_up(connections[i]);
    g_assert_cmpuint(get_statistic(second, "errors_LimitsExceeded"), ==, ASKERS * 20 - 64);
    assert_probe_refused(connections[0], "--user-probes=64)");
    check_support(&answer, second, "icmp");

    fake_let_go();
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
    for (unsigned i = 0; i < ASKERS; i++) {
        for (unsigned j = 0; j < 10; j++) {
            call_wait(&answers[i][j]);
            if (answers[i][j].error) {
                assert_error(&answers[i][j], ERROR_LIMITS_EXCEEDED, "--user-probes=64)");
                n_refused++;
            } else {
                n_answers++;
            }
            answer_clear(&answers[i][j]);
        }
    }
    g_assert_cmpuint(n_answers, >, 0);
    g_assert_cmpuint(n_answers, <=, 64);
    g_assert_cmpuint(n_refused, ==, ASKERS * 10 - n_answers);

    /* Each of these was charged until it was answered, and no longer. */
    for (unsigned i = 0; i < 70; i++)
        assert_probe(connections[0], "127.0.0.1", NULL);
    for (unsigned i = 0; i < ASKERS; i++)
        fixture_disconnect(connections[i]);
    fixture_disconnect(second);
    quota_stop(&polkit);
}

/* Open is charged too. Where it is refused, there is no session. */
static void test_open(void)
{
    static const char *const options[] = {"--user-probes=2", NULL};
    GDBusConnection *connections[3];
    Answer answers[3], answer;
    Polkit polkit;

    quota_start(&polkit, quota_fake(FAKE_NAME_LATE), options);
    for (unsigned i = 0; i < 3; i++) {
        connections[i] = fixture_connect(FIRST);
        call_start(&answers[i], connections[i], "Open", NULL);
        connection_catch_up(connections[i]);
        connection_catch_up(
            connections[i]); /* that it is called, and what the bus says to whose it is */
    }
    call_wait(&answers[2]);
    assert_error(&answers[2], ERROR_LIMITS_EXCEEDED, "--user-probes=2)");
    answer_clear(&answers[2]);
    call_start(&answer, connections[2], "Close", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);
    call_start(&answers[2], polkit.fixture.root, "Open", NULL);

    fake_let_go();
    for (unsigned i = 0; i < 3; i++) {
        call_wait(&answers[i]);
        g_assert_null(answers[i].error);
        answer_clear(&answers[i]);
    }
    /* A session itself is no call. */
    call_start(&answers[2], connections[2], "Open", NULL);
    call_wait(&answers[2]);
    g_assert_null(answers[2].error);
    answer_clear(&answers[2]);

    for (unsigned i = 0; i < 3; i++)
        fixture_disconnect(connections[i]);
    quota_stop(&polkit);
}

/* Of two streams that open together, where a user may have one, the second is refused. */
static void test_streams_together(void)
{
    static const char *const options[] = {"--user-streams=1", NULL};
    GDBusConnection *first;
    Answer answers[2];
    Polkit polkit;
    int fd;

    quota_start(&polkit, quota_fake(FAKE_NAME_LATE), options);
    first = fixture_connect(FIRST);
    for (unsigned i = 0; i < 2; i++)
        call_start(&answers[i], first, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    connection_catch_up(first);
    connection_catch_up(first); /* both wait for mtr-packet */

    fake_let_go();
    fd = stream_answer_take(&answers[0]);
    call_wait(&answers[1]);
    assert_error(&answers[1], ERROR_LIMITS_EXCEEDED, "--user-streams=1)");
    answer_clear(&answers[1]);
    close(fd);

    fixture_disconnect(first);
    quota_stop(&polkit);
}

#define FLOOD 20000
#define FLOODERS 20

static long resident_kib(const Fixture *fixture)
{
    g_autofree char *value = process_status(fixture->service_pid, "VmRSS");

    return strtol(value, NULL, 10);
}

/* Calls by the thousand whose answers nobody wants: what is too much is dropped when it comes. The
 * service is not larger for it, and serves all others meanwhile. */
static void test_flood(void)
{
    /* so little that it is too much for the slowest machine, too */
    static const char *const options[] = {"--user-probes=200", "--user-rate=100",
                                          "--user-burst=100", NULL};
    GDBusConnection *connections[FLOODERS], *second;
    Polkit polkit;
    long before;

    quota_start(&polkit, NULL, options);
    second = fixture_connect(SECOND);
    for (unsigned i = 0; i < FLOODERS; i++) {
        connections[i] = fixture_connect(FIRST);
        assert_probe(connections[i], "127.0.0.1", NULL);
    }
    before = resident_kib(&polkit.fixture);

    for (unsigned i = 0; i < FLOOD; i++) {
        g_autofree char *feature = g_strdup_printf("feature-%u", i);

        if (i % 2 == 0)
            send_unanswered(connections[i % FLOODERS], "CheckSupport",
                            g_variant_new("(s)", feature));
        else
            send_unanswered(connections[i % FLOODERS], "Probe", probe_arguments("127.0.0.1", NULL));
        if (i % 1000 == 0)
            assert_probe(second, "127.0.0.1", NULL);
    }
    for (unsigned i = 0; i < FLOODERS; i++)
        connection_catch_up(connections[i]);
    g_assert_cmpuint(get_statistic(second, "errors_LimitsExceeded"), >, 0);
    fixture_wait_probes(&polkit.fixture, 0, 0);
    assert_probe(connections[0], "127.0.0.1", NULL);

    /* A sanitizer's own memory is not the service's. */
    g_test_message("VmRSS %ld kB before, %ld kB after", before, resident_kib(&polkit.fixture));
    if (!g_getenv("TEST_SANITIZED"))
        g_assert_cmpint(resident_kib(&polkit.fixture) - before, <, 4 * 1024);

    for (unsigned i = 0; i < FLOODERS; i++)
        fixture_disconnect(connections[i]);
    fixture_disconnect(second);
    quota_stop(&polkit);
}

/* Has the service read nothing of what comes now, until go_on(). */
static void hold(const Polkit *polkit)
{
    g_assert_cmpint(kill(polkit->fixture.service_pid, SIGSTOP), ==, 0);
}

/* The bus has taken all that @connection has sent. */
static void bus_catch_up(GDBusConnection *connection)
{
    g_autoptr(GVariant) id = NULL;
    g_autoptr(GError) error = NULL;

    id = g_dbus_connection_call_sync(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetId", NULL, NULL,
                                     G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
}

/* All that @connection has sent is there before the service asks the bus whose it is, and so before
 * the bus answers. */
static void go_on(const Polkit *polkit, GDBusConnection *connection)
{
    bus_catch_up(connection);
    g_assert_cmpint(kill(polkit->fixture.service_pid, SIGCONT), ==, 0);
}

/* Calls that come before the bus has said whose they are: 128 of a connection, and each is answered
 * if it wants to be. */
static void test_unidentified(void)
{
    enum { ALLOWED = 128, UNANSWERED = 400, ANSWERED = 100 };
    const guint64 n_refused = UNANSWERED - ALLOWED + ANSWERED + 2;
    g_autofree char *keep = fake_pattern(FAKE_KEEP, ", 'timeout': <60>");
    GDBusConnection *first;
    Answer answers[ANSWERED], open, stream;
    Polkit polkit;
    Tally tally;

    quota_start(&polkit, quota_fake("fake"), NULL);
    tally_start(&tally);

    hold(&polkit);
    first = fixture_connect(FIRST);
    for (unsigned i = 0; i < UNANSWERED; i++)
        send_unanswered(first, "CheckSupport", g_variant_new("(s)", "icmp"));
    for (unsigned i = 0; i < ANSWERED; i++)
        call_start(&answers[i], first, "Probe", probe_arguments("127.0.0.1", NULL));
    call_start(&open, first, "Open", NULL);
    call_start(&stream, first, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    go_on(&polkit, first);
    for (unsigned i = 0; i < ANSWERED; i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_LIMITS_EXCEEDED,
                     "128 calls waiting before the bus has said who it is");
        answer_clear(&answers[i]);
    }
    call_wait(&open);
    assert_error(&open, ERROR_LIMITS_EXCEEDED, "128 calls waiting");
    answer_clear(&open);
    call_wait(&stream);
    assert_error(&stream, ERROR_LIMITS_EXCEEDED, "128 calls waiting");
    answer_clear(&stream);
    g_assert_cmpuint(get_statistic(first, "errors_LimitsExceeded"), ==, n_refused);

    /* Now it is known. */
    call_start(&open, first, "Open", NULL);
    call_wait(&open);
    g_assert_null(open.error);
    answer_clear(&open);
    for (unsigned i = 0; i < ANSWERED; i++)
        call_start(&answers[i], first, "Probe", probe_arguments("127.0.0.1", NULL));
    for (unsigned i = 0; i < ANSWERED; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    tally_end(&tally, &polkit.fixture, 2 * ANSWERED);

    /* And there may be more at a time than before. */
    for (unsigned i = 0; i < UNANSWERED; i++)
        send_unanswered(first, "Probe", probe_arguments("127.0.0.1", keep));
    connection_catch_up(first);
    fixture_wait_probes(&polkit.fixture, UNANSWERED, 0);
    g_assert_cmpuint(get_statistic(first, "errors_LimitsExceeded"), ==, n_refused);
    fake_release(&polkit);

    fixture_disconnect(first);
    quota_stop(&polkit);
}

/* Where many calls of many connections come before it is known whose they are, each may still have
 * a few; and as many as before once that has passed. */
static void test_unidentified_many(void)
{
    enum { MANY = 4096, ALLOWED = 128, FEW = 4, CONNECTIONS = 40 };
    const guint64 n_refused = (CONNECTIONS - MANY / ALLOWED) * (ALLOWED - FEW);
    GDBusConnection *connections[CONNECTIONS];
    Polkit polkit;

    quota_start(&polkit, NULL, NULL);
    assert_probe(polkit.fixture.root, "127.0.0.1", NULL); /* so that questions have an answer */
    for (unsigned round = 1; round <= 2; round++) {
        hold(&polkit);
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            connections[i] = fixture_connect(0);
            for (unsigned j = 0; j < ALLOWED; j++)
                send_unanswered(connections[i], "CheckSupport", g_variant_new("(s)", "icmp"));
            g_assert_true(g_dbus_connection_flush_sync(connections[i], NULL, NULL));
        }
        for (unsigned i = 0; i + 1 < CONNECTIONS; i++)
            bus_catch_up(connections[i]);
        go_on(&polkit, connections[CONNECTIONS - 1]);
        for (unsigned i = 0; i < CONNECTIONS; i++)
            connection_catch_up(connections[i]);
        g_assert_cmpuint(get_statistic(polkit.fixture.root, "errors_LimitsExceeded"), ==,
                         round * n_refused);
        for (unsigned i = 0; i < CONNECTIONS; i++)
            fixture_disconnect(connections[i]);
    }
    quota_stop(&polkit);
}

/* Calls that end before it is known whose they are do not count any more. */
static void test_unidentified_sessions(void)
{
    GDBusConnection *first;
    Polkit polkit;
    Answer answer;

    quota_start(&polkit, quota_fake("fake"), NULL);
    hold(&polkit);
    first = fixture_connect(FIRST);
    for (unsigned i = 0; i < 200; i++) {
        send_unanswered(first, "Open", NULL);
        send_unanswered(first, "Close", NULL);
    }
    call_start(&answer, first, "Probe", probe_arguments("127.0.0.1", NULL));
    go_on(&polkit, first);
    call_wait(&answer);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    g_assert_cmpuint(get_statistic(first, "errors_Cancelled"), ==, 200);

    fixture_disconnect(first);
    quota_stop(&polkit);
}

static void add_tests(void)
{
    fixture_add_user("mtrpacketd-test-second", SECOND);
    g_test_add_func("/quota-calls/questions", test_questions);
    g_test_add_func("/quota-calls/open", test_open);
    g_test_add_func("/quota-calls/streams-together", test_streams_together);
    g_test_add_func("/quota-calls/flood", test_flood);
    g_test_add_func("/quota-calls/unidentified", test_unidentified);
    g_test_add_func("/quota-calls/unidentified-many", test_unidentified_many);
    g_test_add_func("/quota-calls/unidentified-sessions", test_unidentified_sessions);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
