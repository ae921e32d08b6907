/* SPDX-License-Identifier: MIT */

/* Open and Close, and how long the service stays. */

#include <signal.h>

#include "fake-packet.h"
#include "fixture.h"

static void call(Answer *answer, GDBusConnection *connection, const char *method)
{
    call_start(answer, connection, method, NULL);
    call_wait(answer);
}

static void assert_call(GDBusConnection *connection, const char *method)
{
    Answer answer;

    call(&answer, connection, method);
    g_assert_cmpstr(answer.message, ==, NULL);
    g_assert_true(g_variant_is_of_type(answer.value, G_VARIANT_TYPE_UNIT));
    answer_clear(&answer);
}

static void assert_call_error(GDBusConnection *connection, const char *method, const char *error,
                              const char *part)
{
    Answer answer;

    call(&answer, connection, method);
    assert_error(&answer, error, part);
    answer_clear(&answer);
}

static void assert_probe(GDBusConnection *connection)
{
    Answer answer;

    probe_wait(&answer, connection, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

/* As MtrPacket.open() and close() have it; each caller has a session of its own, and may do
 * without. */
static void test_states(void)
{
    GDBusConnection *other, *unprivileged;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    other = fixture_connect(0);
    unprivileged = fixture_connect(FIXTURE_OTHER_UID);

    assert_call_error(fixture.root, "Close", ERROR_STATE, "not open");
    assert_probe(fixture.root);
    for (unsigned i = 0; i < 2; i++) {
        assert_call(fixture.root, "Open");
        g_assert_cmpint(process_child(fixture.service_pid), >, 0);
        assert_call_error(fixture.root, "Open", ERROR_STATE, "already open");
        assert_probe(fixture.root);
        assert_probe(other);
        assert_call_error(other, "Close", ERROR_STATE, "not open");
        assert_call(fixture.root, "Close");
        assert_call_error(fixture.root, "Close", ERROR_STATE, "not open");
        assert_probe(fixture.root);
    }
    assert_call_error(unprivileged, "Open", ERROR_ACCESS_DENIED, "4242");
    assert_call_error(unprivileged, "Close", ERROR_STATE, "not open");

    fixture_disconnect(other);
    fixture_disconnect(unprivileged);
    fixture_stop(&fixture);
}

/* Close cancels what was asked for since Open, and nothing else. */
static void test_cancel(void)
{
    g_autofree char *hold = g_strdup_printf("{'bit_pattern': <%d>}", FAKE_HOLD);
    GDBusConnection *other;
    Answer before, since[20], others, answer;
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    other = fixture_connect(0);

    call_start(&before, fixture.root, "Probe", probe_arguments("127.0.0.1", hold));
    assert_call(fixture.root, "Open");
    for (unsigned i = 0; i < G_N_ELEMENTS(since); i++)
        call_start(&since[i], fixture.root, "Probe", probe_arguments("127.0.0.1", hold));
    call_start(&others, other, "Probe", probe_arguments("127.0.0.1", hold));
    assert_probe(other); /* its own probe is in mtr-packet now */

    assert_call(fixture.root, "Close");
    for (unsigned i = 0; i < G_N_ELEMENTS(since); i++) {
        call_wait(&since[i]);
        assert_error(&since[i], ERROR_CANCELLED, "closed");
        answer_clear(&since[i]);
    }
    g_assert_false(before.done);
    g_assert_false(others.done);

    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "release"));
    call_wait(&answer);
    answer_clear(&answer);
    call_wait(&before);
    assert_result(&before, "reply");
    answer_clear(&before);
    call_wait(&others);
    assert_result(&others, "reply");
    answer_clear(&others);

    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/* An Open that fails leaves no session; one that is under way can be closed. */
static void test_no_packet(void)
{
    Fixture fixture;
    Answer open;

    fixture_start(&fixture, "/bin/true");
    for (unsigned i = 0; i < 2; i++)
        assert_call_error(fixture.root, "Open", ERROR_PROCESS, "exited with status 0");
    assert_call_error(fixture.root, "Close", ERROR_STATE, "not open");
    fixture_stop(&fixture);

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", FAKE_NAME_SILENT));
    call_start(&open, fixture.root, "Open", NULL);
    assert_call_error(fixture.root, "Open", ERROR_STATE, "already open");
    assert_call(fixture.root, "Close");
    call_wait(&open);
    assert_error(&open, ERROR_CANCELLED, "closed");
    answer_clear(&open);
    fixture_stop(&fixture);
}

#define IDLE_OPTION "--idle-timeout=0.3"
#define IDLE_USEC 300000

/* With nothing to do the service ends by itself, after the time that it was given and not before.
 */
static void test_idle(void)
{
    gint64 start = g_get_monotonic_time();
    Fixture fixture;

    /* without a call */
    fixture_start_with(&fixture, NULL, IDLE_OPTION);
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, IDLE_USEC);
    fixture_stop(&fixture);

    /* after a call: it counts from there */
    fixture_start_with(&fixture, NULL, IDLE_OPTION);
    assert_probe(fixture.root);
    start = g_get_monotonic_time();
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, IDLE_USEC - 50000);
    fixture_stop(&fixture);
}

static gboolean on_time(gpointer userdata)
{
    *(bool *)userdata = true;
    return G_SOURCE_REMOVE;
}

/* Time itself is what is tested here: the service is left alone for longer than it stays when idle.
 */
static void let_idle_time_pass(void)
{
    bool passed = false;

    g_timeout_add(3 * IDLE_USEC / 1000, on_time, &passed);
    wait_until(&passed);
}

/* A session keeps the service, until it is closed or its caller leaves; so does a request. */
static void test_session_holds(void)
{
    g_autofree char *hold = g_strdup_printf("{'bit_pattern': <%d>, 'timeout': <1.5>}", FAKE_HOLD);
    GDBusConnection *leaver;
    Fixture fixture;
    Answer held;

    fixture_start_with(&fixture, NULL, IDLE_OPTION);
    assert_call(fixture.root, "Open");
    let_idle_time_pass();
    assert_probe(fixture.root);
    assert_call(fixture.root, "Close");
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);

    fixture_start_with(&fixture, NULL, IDLE_OPTION);
    leaver = fixture_connect(0);
    assert_call(leaver, "Open");
    let_idle_time_pass();
    assert_probe(leaver);
    fixture_disconnect(leaver);
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);

    fixture_start_with(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"), IDLE_OPTION);
    call_start(&held, fixture.root, "Probe", probe_arguments("127.0.0.1", hold));
    let_idle_time_pass();
    g_assert_false(held.done);
    call_wait(&held);
    assert_result(&held, "no-reply");
    answer_clear(&held);
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);
}

#define AROUND_STOP 50

/*
 * Stops the bus while the idle time ends, so that it finds calls and the release of the name
 * together. Returns how many of the calls it found first, and passed on: those must be answered to
 * their end. What it finds after that would start the service anew, if this bus could.
 */
static unsigned call_around_idle_stop(void)
{
    g_autofree char *hold = g_strdup_printf("{'bit_pattern': <%d>, 'timeout': <0.5>}", FAKE_HOLD);
    Answer answers[AROUND_STOP];
    unsigned n_passed_on = 0;
    Fixture fixture;

    fixture_start_with(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"), IDLE_OPTION);
    assert_probe(fixture.root);

    g_assert_cmpint(kill(fixture.bus.pid, SIGSTOP), ==, 0);
    for (unsigned i = 0; i < AROUND_STOP; i++)
        call_start(&answers[i], fixture.root, "Probe", probe_arguments("127.0.0.1", hold));
    g_assert_true(g_dbus_connection_flush_sync(fixture.root, NULL, NULL));
    let_idle_time_pass();
    g_assert_cmpint(kill(fixture.bus.pid, SIGCONT), ==, 0);

    for (unsigned i = 0; i < AROUND_STOP; i++) {
        call_wait(&answers[i]);
        if (answers[i].error) {
            assert_error(&answers[i], "org.freedesktop.DBus.Error.ServiceUnknown", "");
        } else {
            assert_result(&answers[i], "no-reply");
            n_passed_on++;
        }
        answer_clear(&answers[i]);
    }
    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);
    return n_passed_on;
}

/* Calls that come between the end of the idle time and that of the name: none is lost, none is
 * refused. */
static void test_idle_delivered(void)
{
    unsigned n_passed_on = 0;

    /* most often the first time will do; which of the two the bus finds first is not ours to say */
    for (unsigned i = 0; i < 20 && n_passed_on == 0; i++)
        n_passed_on = call_around_idle_stop();
    g_assert_cmpuint(n_passed_on, >, 0);
}

static void add_tests(void)
{
    g_test_add_func("/session/states", test_states);
    g_test_add_func("/session/cancel", test_cancel);
    g_test_add_func("/session/no-packet", test_no_packet);
    g_test_add_func("/session/idle", test_idle);
    g_test_add_func("/session/holds", test_session_holds);
    g_test_add_func("/session/idle-delivered", test_idle_delivered);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
