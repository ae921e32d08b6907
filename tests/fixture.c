/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define NOBODY_UID 65534

static void (*add_tests_function)(void);

static const char *environment(const char *variable)
{
    const char *value = g_getenv(variable);

    if (!value)
        g_error("%s is not set: run this through meson test", variable);
    return value;
}

void fixture_add_user(const char *name, uid_t uid)
{
    FILE *passwd = fopen("/etc/passwd", "a");

    g_assert_nonnull(passwd);
    fprintf(passwd, "%s:x:%u:%u::/:/bin/sh\n", name, (unsigned)uid, (unsigned)uid);
    g_assert_cmpint(fclose(passwd), ==, 0);
}

/* A test has polkit if it starts it: else the bus would, where it is installed. */
static void remove_polkit(void)
{
    (void)unlink("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service");
}

static int run_tests(int argc, char *argv[])
{
    fixture_add_user(FIXTURE_OTHER_USER, FIXTURE_OTHER_UID);
    remove_polkit();
    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", CALL_BUS_ADDRESS, TRUE);
    g_test_init(&argc, &argv, NULL);
    add_tests_function();
    return g_test_run();
}

int fixture_main(int argc, char *argv[], void (*add_tests)(void))
{
    const char *const trees[] = {environment("TEST_TREE"), NULL};

    add_tests_function = add_tests;
    return sandbox_run(argc, argv, trees, run_tests);
}

const char *fixture_program(const char *variable, const char *name)
{
    g_autofree char *path = g_build_filename("/run/programs", name, NULL);
    const char *const cp[] = {"cp", "--", environment(variable), path, NULL};

    /* The build may be in a directory that only root can enter. */
    g_assert_cmpint(g_mkdir_with_parents("/run/programs", 0755), ==, 0);
    if (access(path, F_OK) < 0)
        g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);
    return g_intern_string(path);
}

/*
 * The bus
 */

void fixture_bus_of(Fixture *fixture, BusKind kind)
{
    *fixture = (Fixture){0};
    bus_start(&fixture->bus, kind);
    fixture->root = fixture_connect(0);
}

void fixture_bus(Fixture *fixture)
{
    fixture_bus_of(fixture, BUS_DAEMON);
}

/*
 * The service
 */

static void on_name(GDBusConnection *connection, const char *name, const char *owner,
                    void *userdata)
{
    *(bool *)userdata = true;
}

void fixture_launch(Fixture *fixture, const char *const argv[])
{
    bool named = false;
    unsigned watch;

    watch = g_bus_watch_name_on_connection(
        fixture->root, SERVICE_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_name, NULL, &named, NULL);
    fixture->service_pid = fixture_spawn(argv);
    wait_until(&named);
    g_bus_unwatch_name(watch);
}

void fixture_launch_as(Fixture *fixture, uid_t uid, const char *const argv[])
{
    g_autofree char *reuid = g_strdup_printf("--reuid=%u", (unsigned)uid);
    g_autofree char *regid = g_strdup_printf("--regid=%u", (unsigned)uid);
    const char *const setpriv[] = {"setpriv",
                                   reuid,
                                   regid,
                                   "--clear-groups",
                                   "--inh-caps=-all,+net_raw",
                                   "--ambient-caps=-all,+net_raw",
                                   "--bounding-set=-all,+net_raw",
                                   "--no-new-privs"};
    g_autoptr(GPtrArray) whole = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(setpriv); i++)
        g_ptr_array_add(whole, (char *)setpriv[i]);
    for (; *argv; argv++)
        g_ptr_array_add(whole, (char *)*argv);
    g_ptr_array_add(whole, NULL);
    fixture_launch(fixture, (const char *const *)whole->pdata);
}

void fixture_launch_unprivileged(Fixture *fixture, const char *const argv[])
{
    fixture_launch_as(fixture, NOBODY_UID, argv);
}

void fixture_launch_preloaded(Fixture *fixture, const char *library, const char *option)
{
    /* A sanitizer would be first among the libraries, and otherwise refuses. */
    const char *sanitizer = g_getenv("ASAN_OPTIONS");
    g_autofree char *asan_options =
        g_strdup_printf("ASAN_OPTIONS=%s:verify_asan_link_order=0", sanitizer ? sanitizer : "");
    g_autofree char *ld_preload = g_strdup_printf("LD_PRELOAD=%s", library);
    const char *const argv[] = {"env",      asan_options,
                                ld_preload, fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                option,     NULL};

    fixture_launch_unprivileged(fixture, argv);
}

void fixture_start(Fixture *fixture, const char *packet_command)
{
    fixture_start_with(fixture, packet_command, NULL);
}

void fixture_start_with(Fixture *fixture, const char *packet_command, const char *further)
{
    g_autofree char *option = g_strdup_printf("--packet-command=%s", packet_command);
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                packet_command ? option : further, packet_command ? further : NULL,
                                NULL};

    fixture_bus(fixture);
    fixture_launch_unprivileged(fixture, argv);
}

void fixture_wait_probes(Fixture *fixture, unsigned in_flight, unsigned queued)
{
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    unsigned in_flight_now, queued_now;

    do {
        in_flight_now = get_number(fixture->root, "ProbesInFlight");
        queued_now = get_number(fixture->root, "ProbesQueued");
        if (g_get_monotonic_time() > end)
            g_error("%u probes are in flight and %u wait, where %u and %u were expected",
                    in_flight_now, queued_now, in_flight, queued);
    } while (in_flight_now != in_flight || queued_now != queued);
}

int fixture_wait_service(Fixture *fixture)
{
    int status;

    g_assert_cmpint(waitpid(fixture->service_pid, &status, 0), ==, fixture->service_pid);
    fixture->service_pid = 0;
    return status;
}

int fixture_end_service(Fixture *fixture, int signal)
{
    g_assert_cmpint(kill(fixture->service_pid, signal), ==, 0);
    return fixture_wait_service(fixture);
}

void fixture_kill_bus(Fixture *fixture)
{
    bus_end(&fixture->bus, SIGKILL);
}

void fixture_stop(Fixture *fixture)
{
    if (fixture->service_pid)
        g_assert_cmpint(fixture_end_service(fixture, SIGTERM), ==, 0);

    if (fixture->root)
        fixture_disconnect(fixture->root);
    bus_end(&fixture->bus, SIGTERM);

    g_assert_cmpuint(sandbox_processes(), ==, 0);
}

/*
 * A black hole
 */

void dig_black_hole(void)
{
    static const char *const lines[] = {
        "ip link add hole type veth peer name bottom",
        "ip addr add 192.0.2.1/24 dev hole",
        "ip addr add 2001:db8::1/64 dev hole nodad",
        "ip link set hole up",
        "ip link set bottom up",
        "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev hole nud permanent",
        "ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev hole nud permanent",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(GStrv) argv = g_strsplit(lines[i], " ", -1);

        g_assert_cmpint(fixture_command((const char *const *)argv, NULL, NULL), ==, 0);
    }
}

void fill_black_hole(void)
{
    const char *const argv[] = {"ip", "link", "del", "hole", NULL};

    g_assert_cmpint(fixture_command(argv, NULL, NULL), ==, 0);
}

/*
 * A monitor
 */

/* The call that marks a place in the traffic: no other is of this name. */
#define MARK "GetMachineId"

static GDBusMessage *on_message(GDBusConnection *connection, GDBusMessage *message,
                                gboolean incoming, void *userdata)
{
    Monitor *monitor = userdata;

    if (incoming) {
        monitor->seen(message, monitor->userdata);
        if (g_strcmp0(g_dbus_message_get_member(message), MARK) == 0)
            g_atomic_int_inc(&monitor->n_marks);
    }

    /* A monitor answers nothing. */
    g_object_unref(message);
    return NULL;
}

void monitor_start(Monitor *monitor, void (*seen)(GDBusMessage *message, void *userdata),
                   void *userdata)
{
    const char *const everything[] = {NULL};
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    *monitor = (Monitor){.connection = fixture_connect(0), .seen = seen, .userdata = userdata};
    reply = g_dbus_connection_call_sync(monitor->connection, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring",
                                        "BecomeMonitor", g_variant_new("(^asu)", everything, 0),
                                        NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    g_dbus_connection_add_filter(monitor->connection, on_message, monitor, NULL);
}

void monitor_catch_up(Monitor *monitor, Fixture *fixture)
{
    int before = g_atomic_int_get(&monitor->n_marks);
    Answer answer;

    call_full(&answer, fixture->root, "org.freedesktop.DBus.Peer", MARK, NULL);
    call_wait(&answer);
    answer_clear(&answer);
    while (g_atomic_int_get(&monitor->n_marks) == before)
        g_thread_yield();
}

void monitor_stop(Monitor *monitor)
{
    fixture_disconnect(monitor->connection);
}

/*
 * Processes
 */

unsigned fixture_processes(Fixture *fixture)
{
    Answer answer;

    call_full(&answer, fixture->root, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
    return sandbox_processes();
}
