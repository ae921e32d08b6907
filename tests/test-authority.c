/* SPDX-License-Identifier: MIT */

/* Who may probe, as polkit and its rules say, where nobody is asked to authenticate. */

#include <signal.h>

#include "polkit.h"
#include "user-process.h"

/* A trace as a program makes it: all hops at once, and again one by one. */
#define HOPS 30

/* Without a polkit on the bus only root may; one that comes later has a say. */
static void test_no_polkit(void)
{
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start_bus(&polkit, "return YES;");
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);

    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "only root may");
    assert_refused(other, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "only root may");

    polkit_start_daemon(&polkit);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    polkit_end_daemon(&polkit, SIGTERM);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "only root may");

    polkit_traffic_start(&traffic, &polkit.fixture);
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(polkit.fixture.root, CALL_INTERACTIVE, "127.0.0.1", "{'mark': <7>}");
    monitor_catch_up(&traffic.monitor, &polkit.fixture);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_questions), ==, 0);
    polkit_traffic_end(&traffic);

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/authority/no-polkit", test_no_polkit);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
