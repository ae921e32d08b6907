/* SPDX-License-Identifier: MIT */

/* What one user may have of the service, and that no other has less for it. */

#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"
#include "fake-packet.h"
#include "fixture.h"
#include "polkit.h"

#define FIRST FIXTURE_OTHER_UID
#define SECOND (FIXTURE_OTHER_UID + 1)

#define OPTIONS_MAX 4

/* Starts the bus, a polkit that lets everybody, and the service with these options; NULL is none.
 */
static void start(Polkit *polkit, const char *packet_command, const char *const options[])
{
    g_autofree char *packet = g_strdup_printf("--packet-command=%s", packet_command);
    const char *argv[OPTIONS_MAX + 3] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd")};
    unsigned n = 1;

    if (packet_command)
        argv[n++] = packet;
    for (unsigned i = 0; options && options[i]; i++) {
        g_assert_cmpuint(i, <, OPTIONS_MAX);
        argv[n++] = options[i];
    }
    unlink(FAKE_GO); /* of a test before */
    polkit_start_bus(polkit, "return YES;");
    polkit_start_daemon(polkit);
    fixture_launch_as(&polkit->fixture, getpwnam("mtrpacketd")->pw_uid, argv);
}

/* What came has gone again. */
static void stop(Polkit *polkit)
{
    fixture_wait_probes(&polkit->fixture, 0, 0);
    polkit_stop(polkit);
}

static const char *fake(const char *name)
{
    return fixture_program("TEST_FAKE_PACKET", name);
}

/* The options of a probe that the fake does this with. */
static char *pattern(int number, const char *further)
{
    return g_strdup_printf("{'bit_pattern': <%d>%s}", number, further);
}

/* Has a fake that is late answer what it was asked, and what it will be. */
static void let_go(void)
{
    g_assert_true(g_file_set_contents(FAKE_GO, "", 0, NULL));
}

/* Has a fake answer what it keeps. */
static void release(const Polkit *polkit)
{
    g_assert_cmpint(kill(process_child(polkit->fixture.service_pid), SIGUSR1), ==, 0);
}

static void assert_probe(GDBusConnection *connection, const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, connection, host, options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

static void assert_probe_refused(GDBusConnection *connection, const char *message)
{
    Answer answer;

    probe_wait(&answer, connection, "127.0.0.1", NULL);
    assert_error(&answer, ERROR_LIMITS_EXCEEDED, message);
    answer_clear(&answer);
}

static void check_support(Answer *answer, GDBusConnection *connection, const char *feature)
{
    call_start(answer, connection, "CheckSupport", g_variant_new("(s)", feature));
}

/* The service has handled all that this connection has sent before. */
static void catch_up(GDBusConnection *connection)
{
    Answer answer;

    call_full(&answer, connection, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
}

/* A call whose answer nobody wants. */
static void send_unanswered(GDBusConnection *connection, const char *method, GVariant *arguments)
{
    g_autoptr(GDBusMessage) call =
        g_dbus_message_new_method_call(SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, method);
    g_autoptr(GError) error = NULL;

    g_dbus_message_set_flags(call, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
    g_dbus_message_set_body(call, arguments);
    g_dbus_connection_send_message(connection, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
}

/* How many of a crowd were refused; those that were answered otherwise have failed. */
static unsigned refused(const Crowd *crowd, const char *message)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd->n; i++) {
        if (!crowd->answers[i].done)
            continue;
        assert_error(&crowd->answers[i], ERROR_LIMITS_EXCEEDED, message);
        n++;
    }
    return n;
}

static void wait_answered(const Crowd *crowd, unsigned n)
{
    while (crowd_answered(crowd) < n)
        g_main_context_iteration(NULL, TRUE);
}

/*
 * How many
 */

#define SILENT "{'protocol': <'tcp'>, 'timeout': <60>}"
#define FULL "user 4242 has 1024 calls waiting or in flight, the limit (--user-probes=1024)"

/* One user on many connections has all that it may have of probes into a black hole: there are no
 * more for it, but for all others, and at once. */
static void test_full(void)
{
    static const char *const options[] = {NULL, "{'protocol': <'tcp'>, 'port': <9>}",
                                          "{'protocol': <'udp'>}"};
    GDBusConnection *first, *second;
    unsigned n_cancelled = 0;
    Polkit polkit;
    Crowd silent;
    Tally tally;

    dig_black_hole();
    start(&polkit, NULL, NULL);
    first = fixture_connect(FIRST);
    second = fixture_connect(SECOND);
    tally_start(&tally);

    crowd_start_as(&silent, FIRST, 50, 1050, "192.0.2.2", SILENT);
    wait_answered(&silent, 26);
    fixture_wait_probes(&polkit.fixture, 500, 524);
    g_assert_cmpuint(refused(&silent, FULL), ==, 26);

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        assert_probe(second, "127.0.0.1", options[i]);
        assert_probe(second, "::1", options[i]);
        assert_probe(polkit.fixture.root, "127.0.0.1", options[i]);
    }
    assert_probe_refused(first, FULL);

    /* and all that while those waited */
    g_assert_cmpuint(get_number(second, "ProbesInFlight"), ==, 500);
    g_assert_cmpuint(get_number(second, "ProbesQueued"), ==, 524);
    g_assert_cmpuint(crowd_answered(&silent), ==, 26);
    g_assert_cmpuint(get_statistic(second, "errors_LimitsExceeded"), ==, 27);

    g_assert_cmpint(fixture_end_service(&polkit.fixture, SIGTERM), ==, 0);
    crowd_wait(&silent);
    for (unsigned i = 0; i < silent.n; i++)
        n_cancelled += strcmp(silent.answers[i].error, ERROR_CANCELLED) == 0;
    g_assert_cmpuint(n_cancelled, ==, 1024);
    fill_black_hole();

    /* The service has gone, but what is asked to catch up with it is answered all the same. */
    tally_end(&tally, &polkit.fixture, 1050 + 3 * G_N_ELEMENTS(options) + 1);
    crowd_end(&silent);
    fixture_disconnect(first);
    fixture_disconnect(second);
    polkit_stop(&polkit);
}

/* Callers that vanish take along what waits; what is in mtr-packet stays their user's until it has
 * answered. */
static void test_vanish(void)
{
    static const char *const options[] = {"--user-probes=600", NULL};
    static const char full[] = "600 calls waiting or in flight, the limit (--user-probes=600)";
    g_autofree char *keep = pattern(FAKE_KEEP, ", 'timeout': <60>");
    Crowd vanishing, late;
    unsigned n_replies = 0;
    Polkit polkit;

    start(&polkit, fake("fake"), options);
    crowd_start_as(&vanishing, FIRST, 200, 600, "127.0.0.1", keep);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(crowd_answered(&vanishing), ==, 0);
    crowd_leave(&vanishing, &polkit.fixture);
    fixture_wait_probes(&polkit.fixture, 500, 0);

    /* so of this many there is room for a hundred, which wait for those who have gone */
    crowd_start_as(&late, FIRST, 1, 110, "127.0.0.1", NULL);
    wait_answered(&late, 10);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(refused(&late, full), ==, 10);
    release(&polkit);
    crowd_wait(&late);
    for (unsigned i = 0; i < late.n; i++)
        n_replies += !late.answers[i].error;
    g_assert_cmpuint(n_replies, ==, 100);
    fixture_wait_probes(&polkit.fixture, 0, 0);
    crowd_end(&late);

    /* and then for as many as at first */
    crowd_start_as(&late, FIRST, 6, 603, "127.0.0.1", keep);
    wait_answered(&late, 3);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(refused(&late, full), ==, 3);
    crowd_leave(&late, &polkit.fixture);
    release(&polkit);

    crowd_end(&late);
    crowd_end(&vanishing);
    stop(&polkit);
}

/* Callers that leave as soon as they have called, in whatever state their calls are; with the real
 * mtr-packet. */
static void test_vanish_at_once(void)
{
    static const char *const options[] = {"--user-probes=400", NULL};
    Crowd vanishing, all;
    Polkit polkit;

    dig_black_hole();
    start(&polkit, NULL, options);
    for (unsigned round = 0; round < 3; round++) {
        static const char *const hosts[] = {"192.0.2.2", "127.0.0.1", "four.test"};

        crowd_start_as(&vanishing, FIRST, 200, 400, hosts[round],
                       "{'protocol': <'tcp'>, 'timeout': <1>}");
        crowd_leave(&vanishing, &polkit.fixture);
        crowd_end(&vanishing);
    }
    fixture_wait_probes(&polkit.fixture, 0, 0);

    crowd_start_as(&all, FIRST, 4, 400, "127.0.0.1", NULL);
    crowd_wait(&all);
    for (unsigned i = 0; i < all.n; i++)
        assert_result(&all.answers[i], "reply");
    crowd_end(&all);
    stop(&polkit);
    fill_black_hole();
}

/* A probe that is given up before mtr-packet has answered is its user's until then. */
static void test_given_up(void)
{
    static const char *const options[] = {"--user-probes=1", NULL};
    g_autofree char *keep = pattern(FAKE_KEEP, ", 'timeout': <0.1>");
    GDBusConnection *first;
    Polkit polkit;
    Answer answer;
    bool seen = false;

    start(&polkit, fake("fake"), options);
    first = fixture_connect(FIRST);
    for (unsigned round = 0; !seen; round++) {
        probe_wait(&answer, first, "127.0.0.1", keep);
        assert_result(&answer, "no-reply");
        answer_clear(&answer);

        probe_wait(&answer, first, "127.0.0.1", NULL);
        seen = answer.error != NULL;
        if (seen)
            assert_error(&answer, ERROR_LIMITS_EXCEEDED, "--user-probes=1)");
        answer_clear(&answer);
        /* A machine so slow that mtr-packet seems to hang before we ask has another try. */
        if (!seen)
            g_assert_cmpuint(get_statistic(first, "processes_lost"), ==, round + 1);
    }

    release(&polkit);
    fixture_wait_probes(&polkit.fixture, 0, 0);
    assert_probe(first, "127.0.0.1", NULL);
    fixture_disconnect(first);
    stop(&polkit);
}

/* Places to wait in: root has its own, and of the others nobody has all. */
static void test_waiting(void)
{
    static const char *const options[] = {"--probes-waiting=4", NULL};
    static const struct {
        uid_t uid;
        unsigned n;
    } rows[] = {{FIRST, 2}, {SECOND, 1}, {0, 4}};
    Crowd crowds[G_N_ELEMENTS(rows)];
    unsigned queued = 0;
    Polkit polkit;

    start(&polkit, fake(FAKE_NAME_LATE), options);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        crowd_start_as(&crowds[i], rows[i].uid, 1, 10, "127.0.0.1", NULL);
        wait_answered(&crowds[i], 10 - rows[i].n);
        g_assert_cmpuint(refused(&crowds[i], "--probes-waiting=4)"), ==, 10 - rows[i].n);
        queued += rows[i].n;
    }
    fixture_wait_probes(&polkit.fixture, 0, queued);

    let_go();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned j = 0; j < 10; j++) {
            call_wait(&crowds[i].answers[j]);
            if (j < rows[i].n)
                assert_result(&crowds[i].answers[j], "reply");
        }
        crowd_end(&crowds[i]);
    }
    stop(&polkit);
}

/*
 * How often
 */

/* Probes beyond what a user may send at once are sent later, in their order: none fails. Nobody
 * else waits for that, nor root for itself. */
static void test_rate(void)
{
    static const char *const options[] = {"--user-rate=4", "--user-burst=10", NULL};
    enum { BURST = 10, DELAYED = 8, SLOW = 60 };
    GDBusConnection *second;
    Polkit polkit;
    Crowd crowd, all;
    guint64 delayed;

    start(&polkit, NULL, options);
    second = fixture_connect(SECOND);

    crowd_start_as(&crowd, FIRST, 1, BURST + DELAYED, "127.0.0.1", NULL);
    crowd_wait(&crowd);
    for (unsigned i = 0; i < crowd.n; i++) {
        assert_result(&crowd.answers[i], "reply");
        if (i > 0)
            g_assert_cmpint(crowd.answers[i].answered, >=, crowd.answers[i - 1].answered);
    }
    for (unsigned i = 0; i < DELAYED; i++)
        g_assert_cmpint(crowd.answers[BURST + i].answered - crowd.answers[0].called, >=,
                        (i + 1) * G_USEC_PER_SEC / 4);
    delayed = get_statistic(second, "calls_delayed");
    g_assert_cmpuint(delayed, <=, DELAYED);
    g_assert_cmpuint(delayed, >, 0);
    crowd_end(&crowd);

    /* It would take a quarter of a minute. */
    crowd_start_as(&crowd, FIRST, 1, SLOW, "127.0.0.1", NULL);
    catch_up(g_ptr_array_index(crowd.connections, 0));
    delayed = get_statistic(second, "calls_delayed");
    crowd_start_as(&all, 0, 1, 100, "127.0.0.1", NULL);
    crowd_wait(&all);
    crowd_end(&all);
    for (unsigned i = 0; i < BURST; i++)
        assert_probe(second, "127.0.0.1", NULL);
    g_assert_cmpuint(get_statistic(second, "calls_delayed"), ==, delayed);
    g_assert_false(crowd.answers[SLOW - 1].done);

    /* What waits for a token is forgotten as all else that waits. */
    crowd_leave(&crowd, &polkit.fixture);
    crowd_end(&crowd);
    fixture_disconnect(second);
    stop(&polkit);
}

/* Questions are counted as probes are: they come to mtr-packet as these do. */
static void test_rate_of_questions(void)
{
    static const char *const options[] = {"--user-rate=4", "--user-burst=2", NULL};
    GDBusConnection *first;
    Answer answers[8];
    Polkit polkit;

    start(&polkit, NULL, options);
    first = fixture_connect(FIRST);
    for (unsigned round = 0; round < 2; round++) {
        GDBusConnection *connection = round == 0 ? polkit.fixture.root : first;

        for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
            check_support(&answers[i], connection, "icmp");
        for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
            call_wait(&answers[i]);
            g_assert_null(answers[i].error);
            g_assert_true(round == 0 || i < 2 ||
                          answers[i].answered - answers[0].called >= (i - 1) * G_USEC_PER_SEC / 4);
            answer_clear(&answers[i]);
        }
        if (round == 0)
            g_assert_cmpuint(get_statistic(first, "calls_delayed"), ==, 0);
    }
    g_assert_cmpuint(get_statistic(first, "calls_delayed"), >, 0);

    fixture_disconnect(first);
    stop(&polkit);
}

/* A TCP probe whose answer may be misread is sent four times, and costs four tokens. */
static void test_sent_again(void)
{
    static const char *const options[] = {"--user-rate=1", "--user-burst=3", NULL};
    g_autofree char *no_route = pattern(FAKE_NO_ROUTE, ", 'protocol': <'tcp'>");
    GDBusConnection *first;
    Answer probe, next;
    Polkit polkit;

    start(&polkit, fake("fake"), options);
    first = fixture_connect(FIRST);
    probe_wait(&probe, first, "127.0.0.1", no_route);
    assert_result(&probe, "no-route");
    g_assert_cmpuint(get_statistic(first, "probes_sent"), ==, 4);
    probe_wait(&next, first, "127.0.0.1", NULL);
    assert_result(&next, "reply");
    g_assert_cmpint(next.answered - probe.called, >=, 2 * G_USEC_PER_SEC);
    answer_clear(&probe);
    answer_clear(&next);
    fixture_disconnect(first);
    stop(&polkit);
}

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

    start(&polkit, fake(FAKE_NAME_LATE), options);
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
        catch_up(connections[i]);
    g_assert_cmpuint(get_statistic(second, "errors_LimitsExceeded"), ==, ASKERS * 20 - 64);
    assert_probe_refused(connections[0], "--user-probes=64)");
    check_support(&answer, second, "icmp");

    let_go();
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
    stop(&polkit);
}

/* Open is charged too. Where it is refused, there is no session. */
static void test_open(void)
{
    static const char *const options[] = {"--user-probes=2", NULL};
    GDBusConnection *connections[3];
    Answer answers[3], answer;
    Polkit polkit;

    start(&polkit, fake(FAKE_NAME_LATE), options);
    for (unsigned i = 0; i < 3; i++) {
        connections[i] = fixture_connect(FIRST);
        call_start(&answers[i], connections[i], "Open", NULL);
        catch_up(connections[i]);
        catch_up(connections[i]); /* that it is called, and what the bus says to whose it is */
    }
    call_wait(&answers[2]);
    assert_error(&answers[2], ERROR_LIMITS_EXCEEDED, "--user-probes=2)");
    answer_clear(&answers[2]);
    call_start(&answer, connections[2], "Close", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);
    call_start(&answers[2], polkit.fixture.root, "Open", NULL);

    let_go();
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
    stop(&polkit);
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

    start(&polkit, NULL, options);
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
        catch_up(connections[i]);
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
    stop(&polkit);
}

/* Has the service read nothing of what comes now, until go_on(). */
static void hold(const Polkit *polkit)
{
    g_assert_cmpint(kill(polkit->fixture.service_pid, SIGSTOP), ==, 0);
}

/* All that @connection has sent is there before the service asks the bus whose it is, and so before
 * the bus answers. */
static void go_on(const Polkit *polkit, GDBusConnection *connection)
{
    g_autoptr(GVariant) id = NULL;
    g_autoptr(GError) error = NULL;

    id = g_dbus_connection_call_sync(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetId", NULL, NULL,
                                     G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(kill(polkit->fixture.service_pid, SIGCONT), ==, 0);
}

/* Calls that come before the bus has said whose they are: 128 of a connection, and each is answered
 * if it wants to be. */
static void test_unidentified(void)
{
    enum { ALLOWED = 128, UNANSWERED = 400, ANSWERED = 100 };
    const guint64 n_refused = UNANSWERED - ALLOWED + ANSWERED + 1;
    g_autofree char *keep = pattern(FAKE_KEEP, ", 'timeout': <60>");
    GDBusConnection *first;
    Answer answers[ANSWERED], open;
    Polkit polkit;
    Tally tally;

    start(&polkit, fake("fake"), NULL);
    tally_start(&tally);

    hold(&polkit);
    first = fixture_connect(FIRST);
    for (unsigned i = 0; i < UNANSWERED; i++)
        send_unanswered(first, "CheckSupport", g_variant_new("(s)", "icmp"));
    for (unsigned i = 0; i < ANSWERED; i++)
        call_start(&answers[i], first, "Probe", probe_arguments("127.0.0.1", NULL));
    call_start(&open, first, "Open", NULL);
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
    catch_up(first);
    fixture_wait_probes(&polkit.fixture, UNANSWERED, 0);
    g_assert_cmpuint(get_statistic(first, "errors_LimitsExceeded"), ==, n_refused);
    release(&polkit);

    fixture_disconnect(first);
    stop(&polkit);
}

/* Calls that end before it is known whose they are do not count any more. */
static void test_unidentified_sessions(void)
{
    GDBusConnection *first;
    Polkit polkit;
    Answer answer;

    start(&polkit, fake("fake"), NULL);
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
    stop(&polkit);
}

/*
 * Names
 */

static GSocket *open_silent_server(void)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string("127.0.0.1", 53);
    g_autoptr(GError) error = NULL;
    GSocket *server =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);

    g_assert_no_error(error);
    g_assert_true(g_socket_bind(server, address, FALSE, &error));
    return server;
}

/* A user whose look-ups hang has so many of them, and no more; probes to addresses as before. Other
 * users look up as if nothing were, as long as there are threads. */
static void hang(const char *const options[], unsigned n, unsigned n_running, const char *message,
                 bool others_wait)
{
    GSocket *server = open_silent_server();
    g_autofree Answer *hanging = g_new0(Answer, n + 1);
    GDBusConnection *first, *second;
    Polkit polkit;
    Answer answer;

    start(&polkit, NULL, options);
    first = fixture_connect(FIRST);
    second = fixture_connect(SECOND);
    for (unsigned i = 0; i < n + 1; i++) {
        g_autofree char *host = g_strdup_printf("host%u.hangs.test", i);

        call_start(&hanging[i], first, "Probe", probe_arguments(host, NULL));
    }
    call_wait(&hanging[n]);
    assert_error(&hanging[n], ERROR_LIMITS_EXCEEDED, message);
    g_assert_cmpuint(get_number(first, "ProbesQueued"), ==, n);
    g_assert_cmpuint(get_statistic(first, "lookups"), ==, n_running);
    assert_probe(first, "127.0.0.1", NULL);
    assert_probe(second, "127.0.0.1", NULL);

    call_start(&answer, second, "Probe", probe_arguments("four.test", NULL));
    if (others_wait) {
        assert_probe(second, "127.0.0.2", NULL); /* polkit is asked, and answers, in order */
        g_assert_cmpuint(get_statistic(first, "lookups"), ==, n_running);
        g_assert_cmpuint(get_number(first, "ProbesQueued"), ==, n + 1);
        g_assert_false(answer.done);
    } else {
        call_wait(&answer);
        assert_result(&answer, "reply");
        assert_probe(polkit.fixture.root, "six.test", NULL);
    }
    for (unsigned i = 0; i < n; i++)
        g_assert_false(hanging[i].done);

    g_assert_cmpint(fixture_end_service(&polkit.fixture, SIGTERM), ==, 0);
    call_wait(&answer);
    answer_clear(&answer);
    for (unsigned i = 0; i < n; i++) {
        call_wait(&hanging[i]);
        assert_error(&hanging[i], ERROR_CANCELLED, "stopped");
    }
    for (unsigned i = 0; i < n + 1; i++)
        answer_clear(&hanging[i]);
    fixture_disconnect(first);
    fixture_disconnect(second);
    polkit_stop(&polkit);
    g_object_unref(server);
}

static void test_names(void)
{
    static const char *const few[] = {"--user-lookups=1", "--user-lookups-waiting=3", NULL};
    static const char *const one[] = {"--lookups=1", "--user-lookups=4", NULL};

    /* However slow the machine is, they still hang when they are looked at. */
    g_assert_true(g_file_set_contents("/etc/resolv.conf",
                                      "nameserver 127.0.0.1\noptions timeout:30\n", -1, NULL));

    hang(NULL, 2 + 16, 2,
         "user 4242 has 16 names waiting to be looked up, the limit "
         "(--user-lookups-waiting=16)",
         false);
    hang(few, 1 + 3, 1, "(--user-lookups-waiting=3)", false);
    hang(one, 1 + 16, 1, "(--user-lookups-waiting=16)", true);
}

/*
 * The command line
 */

static void test_refusals(void)
{
    static const char *const options[] = {"--user-probes=0",
                                          "--user-probes=65537",
                                          "--user-rate=",
                                          "--user-rate=1000001",
                                          "--user-burst=-1",
                                          "--user-burst=+5",
                                          "--user-lookups=65",
                                          "--user-lookups=two",
                                          "--user-lookups-waiting=0x10",
                                          "--lookups= 5",
                                          "--lookups=65",
                                          "--probes-waiting=1e3",
                                          "--probes-waiting=65537",
                                          "--answer-timeout=61",
                                          "--answer-timeout=1.5",
                                          "--prompt-timeout=3601",
                                          "--prompt-timeout=1\n\x1b",
                                          "--user-probes=99999999999999999999"};

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), options[i],
                                    NULL};
        g_autofree char *out = NULL, *err = NULL,
                        *name = g_strndup(options[i], strcspn(options[i], "=") + 1);

        g_assert_cmpint(fixture_command(argv, &out, &err), ==, 1);
        g_assert_cmpstr(out, ==, "");
        if (!strstr(err, name) || !strstr(err, ": a whole number from 1 to "))
            g_error("\"%s\" does not say what is wrong with %s", err, options[i]);
        g_assert_true(strchr(err, '\n') == err + strlen(err) - 1); /* one line */
        g_assert_null(strchr(err, '\x1b'));
    }
}

/* Each is in --help, with its default. */
static void test_help(void)
{
    static const struct {
        const char *option;
        unsigned max, initial;
    } rows[] = {
        {"--user-probes=N", 65536, 1024},        {"--user-rate=N", 1000000, 1000},
        {"--user-burst=N", 1000000, 1000},       {"--user-lookups=N", 64, 2},
        {"--user-lookups-waiting=N", 1024, 16},  {"--lookups=N", 64, 8},
        {"--probes-waiting=N", 65536, 8192},     {"--answer-timeout=SECONDS", 60, 10},
        {"--prompt-timeout=SECONDS", 3600, 120},
    };
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), "--help", NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(argv, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *range =
            g_strdup_printf("(1 to %u; default: %u)", rows[i].max, rows[i].initial);
        const char *option = strstr(out, rows[i].option);
        const char *next = option ? strstr(option + 1, "\n     --") : NULL;
        g_autofree char *section =
            option ? g_strndup(option, next ? (size_t)(next - option) : strlen(option)) : NULL;

        if (!section || !strstr(section, range))
            g_error("%s with \"%s\" is not in:\n%s", rows[i].option, range, out);
    }
}

static void add_tests(void)
{
    fixture_add_user("mtrpacketd-test-second", SECOND);
    g_test_add_func("/quota-bus/full", test_full);
    g_test_add_func("/quota-bus/vanish", test_vanish);
    g_test_add_func("/quota-bus/vanish-at-once", test_vanish_at_once);
    g_test_add_func("/quota-bus/given-up", test_given_up);
    g_test_add_func("/quota-bus/waiting", test_waiting);
    g_test_add_func("/quota-bus/rate", test_rate);
    g_test_add_func("/quota-bus/rate-of-questions", test_rate_of_questions);
    g_test_add_func("/quota-bus/sent-again", test_sent_again);
    g_test_add_func("/quota-bus/questions", test_questions);
    g_test_add_func("/quota-bus/open", test_open);
    g_test_add_func("/quota-bus/flood", test_flood);
    g_test_add_func("/quota-bus/unidentified", test_unidentified);
    g_test_add_func("/quota-bus/unidentified-sessions", test_unidentified_sessions);
    g_test_add_func("/quota-bus/names", test_names);
    g_test_add_func("/quota-bus/refusals", test_refusals);
    g_test_add_func("/quota-bus/help", test_help);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
