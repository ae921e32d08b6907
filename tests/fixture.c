/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define BUS_ADDRESS "unix:path=" BUS_SOCKET
#define BUS_LOG "/run/bus.log"
#define POLICY_DIR "/usr/share/dbus-1/system.d"

static void (*add_tests_function)(void);

static const char *environment(const char *variable)
{
    const char *value = g_getenv(variable);

    if (!value)
        g_error("%s is not set: run this through meson test", variable);
    return value;
}

/* A bus lets in only users that the system knows. */
static void add_other_user(void)
{
    FILE *passwd = fopen("/etc/passwd", "a");

    g_assert_nonnull(passwd);
    fprintf(passwd, "mtrpacketd-test:x:%d:%d::/:/bin/sh\n", FIXTURE_OTHER_UID, FIXTURE_OTHER_UID);
    g_assert_cmpint(fclose(passwd), ==, 0);
}

/* A test has polkit if it starts it: else the bus would, where it is installed. */
static void remove_polkit(void)
{
    (void)unlink("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service");
}

static int run_tests(int argc, char *argv[])
{
    add_other_user();
    remove_polkit();
    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", BUS_ADDRESS, TRUE);
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

GPid fixture_spawn(const char *const argv[])
{
    g_autoptr(GError) error = NULL;
    GPid pid;

    g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                  NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

int fixture_command(const char *const argv[], char **ret_out, char **ret_err)
{
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, ret_out, ret_err,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/*
 * The bus
 */

/* Starts the daemon, and returns when it has printed its address: it listens from then on. */
void fixture_bus(Fixture *fixture)
{
    const char *const argv[] = {"dbus-daemon", "--config-file=/usr/share/dbus-1/system.conf",
                                "--nofork",    "--nopidfile",
                                "--nosyslog",  "--print-address",
                                NULL};
    g_autoptr(GError) error = NULL;
    const char *const cp[] = {"cp", "--", environment("TEST_POLICY"), POLICY_DIR, NULL};
    int out, log;
    char c;

    *fixture = (Fixture){0};
    g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);

    log = open(BUS_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_assert_cmpint(log, >=, 0);
    g_spawn_async_with_pipes_and_fds(
        NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, log,
        NULL, NULL, 0, &fixture->bus_pid, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    close(log);

    do
        g_assert_cmpint(read(out, &c, 1), ==, 1);
    while (c != '\n');
    close(out);

    fixture->root = fixture_connect(0);
}

GDBusConnection *fixture_connect(uid_t uid)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *connection;

    /* The bus takes a connection's user from the socket, as it was when it connected. */
    g_assert_cmpint(setresuid(uid, uid, 0), ==, 0);
    connection =
        g_dbus_connection_new_for_address_sync(BUS_ADDRESS,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    g_assert_cmpint(setresuid(0, 0, 0), ==, 0);
    g_assert_no_error(error);
    return connection;
}

void fixture_disconnect(GDBusConnection *connection)
{
    g_autoptr(GError) error = NULL;

    g_dbus_connection_close_sync(connection, NULL, &error);
    g_assert_no_error(error);
    g_object_unref(connection);
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

void fixture_launch_unprivileged(Fixture *fixture, const char *const argv[])
{
    static const char *const setpriv[] = {"setpriv",
                                          "--reuid=65534",
                                          "--regid=65534",
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

void fixture_stop(Fixture *fixture)
{
    if (fixture->service_pid)
        g_assert_cmpint(fixture_end_service(fixture, SIGTERM), ==, 0);

    if (fixture->root)
        fixture_disconnect(fixture->root);
    g_assert_cmpint(kill(fixture->bus_pid, SIGTERM), ==, 0);
    g_assert_cmpint(waitpid(fixture->bus_pid, NULL, 0), ==, fixture->bus_pid);
    unlink(BUS_SOCKET);

    g_assert_cmpuint(sandbox_processes(), ==, 0);
}

/*
 * Calls
 */

void wait_until(const bool *flag)
{
    while (!*flag)
        g_main_context_iteration(NULL, TRUE);
}

static void on_answer(GObject *source, GAsyncResult *result, void *userdata)
{
    g_autoptr(GError) error = NULL;
    Answer *answer = userdata;

    g_assert_false(answer->done); /* a call is answered once */
    answer->value = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    if (error) {
        answer->error = g_dbus_error_get_remote_error(error);
        g_dbus_error_strip_remote_error(error);
        answer->message = g_strdup(error->message);
    }
    answer->answered = g_get_monotonic_time();
    answer->done = true;
}

void call_full(Answer *answer, GDBusConnection *connection, const char *interface,
               const char *method, GVariant *arguments)
{
    *answer = (Answer){.called = g_get_monotonic_time()};
    g_dbus_connection_call(connection, SERVICE_NAME, SERVICE_PATH, interface, method, arguments,
                           NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_answer, answer);
}

void call_start(Answer *answer, GDBusConnection *connection, const char *method,
                GVariant *arguments)
{
    call_full(answer, connection, SERVICE_INTERFACE, method, arguments);
}

void call_wait(Answer *answer)
{
    wait_until(&answer->done);
}

void answer_clear(Answer *answer)
{
    g_assert_true(answer->done);
    g_clear_pointer(&answer->value, g_variant_unref);
    g_clear_pointer(&answer->error, g_free);
    g_clear_pointer(&answer->message, g_free);
    answer->done = false;
}

GVariant *get_property(GDBusConnection *connection, const char *name)
{
    GVariant *value;
    Answer answer;

    call_full(&answer, connection, "org.freedesktop.DBus.Properties", "Get",
              g_variant_new("(ss)", SERVICE_INTERFACE, name));
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    g_variant_get(answer.value, "(v)", &value);
    answer_clear(&answer);
    return value;
}

unsigned get_number(GDBusConnection *connection, const char *name)
{
    g_autoptr(GVariant) value = get_property(connection, name);

    return g_variant_get_uint32(value);
}

GVariant *probe_arguments(const char *host, const char *options)
{
    g_autoptr(GError) error = NULL;
    GVariant *parsed;

    parsed = g_variant_parse(G_VARIANT_TYPE_VARDICT, options ? options : "{}", NULL, NULL, &error);
    g_assert_no_error(error);
    return g_variant_new("(s@a{sv})", host, parsed);
}

void probe_wait(Answer *answer, GDBusConnection *connection, const char *host, const char *options)
{
    call_start(answer, connection, "Probe", probe_arguments(host, options));
    call_wait(answer);
}

void assert_result(const Answer *answer, const char *result)
{
    const char *word;

    if (answer->error)
        g_error("%s: %s, where the result %s was expected", answer->error, answer->message, result);

    g_assert_cmpstr(g_variant_get_type_string(answer->value), ==, "(bsdsa(uyby)a{sv})");
    g_variant_get_child(answer->value, 1, "&s", &word);
    g_assert_cmpstr(word, ==, result);
}

void assert_error(const Answer *answer, const char *error, const char *part)
{
    if (!answer->error) {
        g_autofree char *text = g_variant_print(answer->value, FALSE);
        g_error("%s, where the error %s was expected", text, error);
    }

    g_assert_cmpstr(answer->error, ==, error);
    if (!strstr(answer->message, part))
        g_error("the message \"%s\" has no \"%s\"", answer->message, part);
}

const char *answer_detail(const Answer *answer, const char *key)
{
    g_autoptr(GVariant) details = g_variant_get_child_value(answer->value, 5);
    const char *value = NULL;

    g_variant_lookup(details, key, "&s", &value);
    return value;
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

void process_wait(GPid pid)
{
    struct pollfd poll_fd = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

    if (poll_fd.fd < 0) {
        g_assert_cmpint(errno, ==, ESRCH);
        return;
    }
    g_assert_cmpint(poll(&poll_fd, 1, 10000), ==, 1);
    close(poll_fd.fd);
}

char *process_status(GPid pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *prefix = g_strdup_printf("%s:", key);
    g_autofree char *contents = NULL;
    g_auto(GStrv) lines = NULL;

    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    lines = g_strsplit(contents, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, prefix))
            return g_strdup(g_strstrip(*line + strlen(prefix)));
    return NULL;
}

unsigned process_children(GPid pid, GPid *ret, unsigned max)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *contents = NULL;
    g_auto(GStrv) children = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    children = g_strsplit(g_strstrip(contents), " ", -1);
    for (char **child = children; *child && **child && n < max; child++)
        ret[n++] = (GPid)g_ascii_strtoll(*child, NULL, 10);
    return n;
}

GPid process_child(GPid pid)
{
    GPid children[2];

    g_assert_cmpuint(process_children(pid, children, 2), ==, 1);
    return children[0];
}
