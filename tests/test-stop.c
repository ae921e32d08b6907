/* SPDX-License-Identifier: MIT */

/* How the service ends: by a signal, with calls under way and on their way, and without its bus. */

#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"
#include "sandbox.h"

#define SILENT 90

/* SIGTERM and SIGINT: what is in flight is answered, the name goes, the exit status is 0. */
static void test_stop(const void *argument)
{
    Answer silent[SILENT];
    Fixture fixture;
    Answer answer;

    dig_black_hole();
    fixture_start(&fixture, NULL);

    for (unsigned i = 0; i < SILENT; i++)
        call_start(&silent[i], fixture.root, "Probe", probe_arguments("192.0.2.2", NULL));
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);

    g_assert_cmpint(fixture_end_service(&fixture, GPOINTER_TO_INT(argument)), ==, 0);
    for (unsigned i = 0; i < SILENT; i++) {
        call_wait(&silent[i]);
        assert_error(&silent[i], ERROR_CANCELLED, "stopped");
        answer_clear(&silent[i]);
    }
    g_assert_cmpuint(sandbox_processes(), ==, 1); /* the bus */

    fixture_stop(&fixture);
    fill_black_hole();
}

/* Calls that reach the service together with its end are answered too: refused, or cancelled, but
 * never lost. */
static void test_stop_delivered(void)
{
    g_autoptr(GVariant) reply = NULL;
    Answer answers[SILENT];
    unsigned refused = 0;
    Fixture fixture;

    dig_black_hole();
    fixture_start(&fixture, NULL);

    g_assert_cmpint(kill(fixture.service_pid, SIGSTOP), ==, 0);
    for (unsigned i = 0; i < SILENT; i++)
        call_start(&answers[i], fixture.root, "Probe", probe_arguments("192.0.2.2", NULL));
    /* The bus takes them in order: when it answers this itself, it has passed them on. */
    reply = g_dbus_connection_call_sync(fixture.root, "org.freedesktop.DBus", "/",
                                        "org.freedesktop.DBus", "GetId", NULL, NULL,
                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    g_assert_nonnull(reply);
    g_assert_cmpint(kill(fixture.service_pid, SIGTERM), ==, 0);
    g_assert_cmpint(kill(fixture.service_pid, SIGCONT), ==, 0);

    for (unsigned i = 0; i < SILENT; i++) {
        call_wait(&answers[i]);
        if (g_strcmp0(answers[i].error, ERROR_STATE) == 0)
            refused++;
        else
            assert_error(&answers[i], ERROR_CANCELLED, "stopped");
        answer_clear(&answers[i]);
    }
    g_test_message("%u of %d refused", refused, SILENT);
    g_assert_cmpuint(refused, >, 0);

    g_assert_cmpint(fixture_wait_service(&fixture), ==, 0);
    fixture_stop(&fixture);
    fill_black_hole();
}

/* Told twice it waits no longer for the bus, which has stopped answering. */
static void test_stop_twice(void)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);

    g_assert_cmpint(kill(fixture.bus.pid, SIGSTOP), ==, 0);
    g_assert_cmpint(kill(fixture.service_pid, SIGTERM), ==, 0);
    g_assert_cmpint(fixture_end_service(&fixture, SIGINT), ==, 0);

    g_assert_cmpint(kill(fixture.bus.pid, SIGCONT), ==, 0);
    fixture_stop(&fixture);
}

/* A bus that goes away ends the service, with an error. */
static void test_bus_gone(void)
{
    Fixture fixture;
    Answer answer;
    int status;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);

    g_assert_cmpint(kill(fixture.bus.pid, SIGKILL), ==, 0);
    status = fixture_wait_service(&fixture);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);

    g_clear_object(&fixture.root);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_data_func("/stop/sigterm", GINT_TO_POINTER(SIGTERM), test_stop);
    g_test_add_data_func("/stop/sigint", GINT_TO_POINTER(SIGINT), test_stop);
    g_test_add_func("/stop/delivered", test_stop_delivered);
    g_test_add_func("/stop/twice", test_stop_twice);
    g_test_add_func("/stop/bus-gone", test_bus_gone);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
