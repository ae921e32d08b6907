/* SPDX-License-Identifier: MIT */

/* How many probes one user may have, and how often, and that no other has less for it. */

#include <signal.h>
#include <string.h>

#include "fake-packet.h"
#include "quota-scene.h"

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
    quota_start(&polkit, NULL, NULL);
    first = fixture_connect(FIRST);
    second = fixture_connect(SECOND);
    tally_start(&tally);

    crowd_start_as(&silent, FIRST, 50, 1050, "192.0.2.2", SILENT);
    crowd_wait_answered(&silent, 26);
    fixture_wait_probes(&polkit.fixture, 500, 524);
    g_assert_cmpuint(crowd_refused(&silent, FULL), ==, 26);

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
    g_autofree char *keep = fake_pattern(FAKE_KEEP, ", 'timeout': <60>");
    Crowd vanishing, late;
    unsigned n_replies = 0;
    Polkit polkit;

    quota_start(&polkit, quota_fake("fake"), options);
    crowd_start_as(&vanishing, FIRST, 200, 600, "127.0.0.1", keep);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(crowd_answered(&vanishing), ==, 0);
    crowd_leave(&vanishing, &polkit.fixture);
    fixture_wait_probes(&polkit.fixture, 500, 0);

    /* so of this many there is room for a hundred, which wait for those who have gone */
    crowd_start_as(&late, FIRST, 1, 110, "127.0.0.1", NULL);
    crowd_wait_answered(&late, 10);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(crowd_refused(&late, full), ==, 10);
    fake_release(&polkit);
    crowd_wait(&late);
    for (unsigned i = 0; i < late.n; i++)
        n_replies += !late.answers[i].error;
    g_assert_cmpuint(n_replies, ==, 100);
    fixture_wait_probes(&polkit.fixture, 0, 0);
    crowd_end(&late);

    /* and then for as many as at first */
    crowd_start_as(&late, FIRST, 6, 603, "127.0.0.1", keep);
    crowd_wait_answered(&late, 3);
    fixture_wait_probes(&polkit.fixture, 500, 100);
    g_assert_cmpuint(crowd_refused(&late, full), ==, 3);
    crowd_leave(&late, &polkit.fixture);
    fake_release(&polkit);

    crowd_end(&late);
    crowd_end(&vanishing);
    quota_stop(&polkit);
}

/* Callers that leave as soon as they have called, in whatever state their calls are; with the real
 * mtr-packet. */
static void test_vanish_at_once(void)
{
    static const char *const options[] = {"--user-probes=400", NULL};
    Crowd vanishing, all;
    Polkit polkit;

    dig_black_hole();
    quota_start(&polkit, NULL, options);
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
    quota_stop(&polkit);
    fill_black_hole();
}

/* A probe that is given up before mtr-packet has answered is its user's until then. */
static void test_given_up(void)
{
    static const char *const options[] = {"--user-probes=1", NULL};
    g_autofree char *keep = fake_pattern(FAKE_KEEP, ", 'timeout': <0.1>");
    GDBusConnection *first;
    Polkit polkit;
    Answer answer;
    bool seen = false;

    quota_start(&polkit, quota_fake("fake"), options);
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

    fake_release(&polkit);
    fixture_wait_probes(&polkit.fixture, 0, 0);
    assert_probe(first, "127.0.0.1", NULL);
    fixture_disconnect(first);
    quota_stop(&polkit);
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

    quota_start(&polkit, quota_fake(FAKE_NAME_LATE), options);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        crowd_start_as(&crowds[i], rows[i].uid, 1, 10, "127.0.0.1", NULL);
        crowd_wait_answered(&crowds[i], 10 - rows[i].n);
        g_assert_cmpuint(crowd_refused(&crowds[i], "--probes-waiting=4)"), ==, 10 - rows[i].n);
        queued += rows[i].n;
    }
    fixture_wait_probes(&polkit.fixture, 0, queued);

    fake_let_go();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned j = 0; j < 10; j++) {
            call_wait(&crowds[i].answers[j]);
            if (j < rows[i].n)
                assert_result(&crowds[i].answers[j], "reply");
        }
        crowd_end(&crowds[i]);
    }
    quota_stop(&polkit);
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

    quota_start(&polkit, NULL, options);
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
    connection_catch_up(g_ptr_array_index(crowd.connections, 0));
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
    quota_stop(&polkit);
}

/* Questions are counted as probes are: they come to mtr-packet as these do. */
static void test_rate_of_questions(void)
{
    static const char *const options[] = {"--user-rate=4", "--user-burst=2", NULL};
    GDBusConnection *first;
    Answer answers[8];
    Polkit polkit;

    quota_start(&polkit, NULL, options);
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
    quota_stop(&polkit);
}

/* A TCP probe whose answer may be misread is sent four times, and costs four tokens. */
static void test_sent_again(void)
{
    static const char *const options[] = {"--user-rate=1", "--user-burst=3", NULL};
    g_autofree char *no_route = fake_pattern(FAKE_NO_ROUTE, ", 'protocol': <'tcp'>");
    GDBusConnection *first;
    Answer probe, next;
    Polkit polkit;

    quota_start(&polkit, quota_fake("fake"), options);
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
    quota_stop(&polkit);
}

static void add_tests(void)
{
    fixture_add_user("mtrpacketd-test-second", SECOND);
    g_test_add_func("/quota-probes/full", test_full);
    g_test_add_func("/quota-probes/vanish", test_vanish);
    g_test_add_func("/quota-probes/vanish-at-once", test_vanish_at_once);
    g_test_add_func("/quota-probes/given-up", test_given_up);
    g_test_add_func("/quota-probes/waiting", test_waiting);
    g_test_add_func("/quota-probes/rate", test_rate);
    g_test_add_func("/quota-probes/rate-of-questions", test_rate_of_questions);
    g_test_add_func("/quota-probes/sent-again", test_sent_again);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
