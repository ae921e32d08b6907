/* SPDX-License-Identifier: MIT */

#include "polkit.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RULES_DIR "/etc/polkit-1/rules.d"
#define RULES_FILE RULES_DIR "/10-test.rules"

/* polkit reads whatever ends in .rules, when it is there: it must be whole then. */
#define RULES_UNFINISHED RULES_DIR "/.test"

/* The policy says that this user may ask. The machine may have it. */
#define SERVICE_USER "mtrpacketd"
#define SERVICE_UID 4300

/* As what polkitd gives up root. */
#define POLKIT_USER "polkitd"

static uid_t user_id(const char *name)
{
    const struct passwd *passwd = getpwnam(name);

    if (!passwd)
        g_error("there is no user %s", name);
    return passwd->pw_uid;
}

uid_t polkit_uid(void)
{
    return user_id(POLKIT_USER);
}

static const char *polkit_program(void)
{
    static const char *const programs[] = {"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd",
                                           "/usr/libexec/polkit-1/polkitd"};

    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
        if (access(programs[i], X_OK) == 0)
            return programs[i];
    g_error("there is no polkitd");
}

/*
 * The daemon
 */

static void on_changed(GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       void *userdata)
{
    Polkit *polkit = userdata;

    polkit->n_changed++;
}

static void on_appeared(GDBusConnection *connection, const char *name, const char *owner,
                        void *userdata)
{
    *(bool *)userdata = true;
}

static void on_vanished(GDBusConnection *connection, const char *name, void *userdata)
{
    *(bool *)userdata = false;
}

/* Waits until somebody is polkit on the bus, or nobody is. */
static void wait_for_name(const Polkit *polkit, bool owned)
{
    bool now = !owned;
    unsigned watch;

    watch = g_bus_watch_name_on_connection(polkit->fixture.root, POLKIT_NAME,
                                           G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, on_vanished,
                                           &now, NULL);
    while (now != owned)
        g_main_context_iteration(NULL, TRUE);
    g_bus_unwatch_name(watch);
}

void polkit_start_daemon(Polkit *polkit)
{
    const char *const argv[] = {polkit_program(), "--no-debug", NULL};

    g_assert_cmpint(polkit->pid, ==, 0);
    polkit->pid = fixture_spawn(argv);
    wait_for_name(polkit, true);
}

void polkit_end_daemon(Polkit *polkit, int signal)
{
    g_assert_cmpint(kill(polkit->pid, signal), ==, 0);
    g_assert_cmpint(waitpid(polkit->pid, NULL, 0), ==, polkit->pid);
    polkit->pid = 0;
    if (polkit->fixture.bus.pid)
        wait_for_name(polkit, false);
}

void polkit_pause_daemon(Polkit *polkit)
{
    int status;

    g_assert_cmpint(kill(polkit->pid, SIGSTOP), ==, 0);
    g_assert_cmpint(waitpid(polkit->pid, &status, WUNTRACED), ==, polkit->pid);
    g_assert_true(WIFSTOPPED(status));
}

/*
 * Its rules
 */

static bool is_there(const Polkit *polkit)
{
    return polkit->pid != 0 || polkit->adopted;
}

/* How many changes polkit has told of up to now: it does so for other reasons, too. A property it
 * answers in turn; a Ping its library would answer at once. */
static unsigned count_changes(const Polkit *polkit)
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    if (!is_there(polkit))
        return 0;
    reply = g_dbus_connection_call_sync(polkit->fixture.root, POLKIT_NAME, POLKIT_PATH,
                                        "org.freedesktop.DBus.Properties", "Get",
                                        g_variant_new("(ss)", POLKIT_INTERFACE, "BackendVersion"),
                                        NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    return polkit->n_changed;
}

static void wait_for_change(const Polkit *polkit, unsigned n_changed)
{
    while (is_there(polkit) && polkit->n_changed == n_changed)
        g_main_context_iteration(NULL, TRUE);
}

/* By a rename: they are whole whenever polkit reads them. */
static void write_rules(Polkit *polkit, const char *contents)
{
    unsigned n_changed = count_changes(polkit);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(RULES_DIR, 0755), ==, 0);
    g_file_set_contents(RULES_UNFINISHED, contents, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(chmod(RULES_UNFINISHED, 0644), ==, 0);
    g_assert_cmpint(rename(RULES_UNFINISHED, RULES_FILE), ==, 0);
    wait_for_change(polkit, n_changed);
}

static void remove_rules(Polkit *polkit)
{
    unsigned n_changed = count_changes(polkit);

    if (unlink(RULES_FILE) == 0)
        wait_for_change(polkit, n_changed);
    else
        g_assert_cmpint(errno, ==, ENOENT);
}

void polkit_set_rules(Polkit *polkit, const char *rules)
{
    g_autofree char *contents = NULL;

    if (!rules) {
        remove_rules(polkit);
        return;
    }
    contents = g_strdup_printf(
        "polkit.addRule(function(action, subject) {\n"
        "    var YES = polkit.Result.YES, NO = polkit.Result.NO,\n"
        "        AUTH_SELF = polkit.Result.AUTH_SELF, AUTH_ADMIN = polkit.Result.AUTH_ADMIN,\n"
        "        AUTH_ADMIN_KEEP = polkit.Result.AUTH_ADMIN_KEEP;\n"
        "    var probe = action.id == '" ACTION_PROBE "';\n"
        "    if (!probe && action.id != '" ACTION_SET_MARK "')\n"
        "        return polkit.Result.NOT_HANDLED;\n"
        "    %s\n"
        "    return polkit.Result.NOT_HANDLED;\n"
        "});\n",
        rules);
    write_rules(polkit, contents);
}

void polkit_install_rules(Polkit *polkit, const char *path)
{
    g_autofree char *contents = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &contents, NULL, &error);
    g_assert_no_error(error);
    write_rules(polkit, contents);
}

/*
 * The whole
 */

static void subscribe(Polkit *polkit)
{
    polkit->subscription = g_dbus_connection_signal_subscribe(
        polkit->fixture.root, NULL, POLKIT_INTERFACE, "Changed", POLKIT_PATH, NULL,
        G_DBUS_SIGNAL_FLAGS_NONE, on_changed, polkit, NULL);
}

void polkit_start_bus_of(Polkit *polkit, BusKind kind, const char *rules)
{
    const char *const cp[] = {"cp", "--", g_getenv("TEST_POLKIT_POLICY"), POLKIT_POLICY, NULL};

    *polkit = (Polkit){0};
    if (!getpwnam(SERVICE_USER))
        fixture_add_user(SERVICE_USER, SERVICE_UID);
    g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);
    polkit_set_rules(polkit, rules);
    fixture_bus_of(&polkit->fixture, kind);
    subscribe(polkit);
}

void polkit_start_bus(Polkit *polkit, const char *rules)
{
    polkit_start_bus_of(polkit, BUS_DAEMON, rules);
}

void polkit_adopt(Polkit *polkit, GDBusConnection *root)
{
    *polkit = (Polkit){.fixture.root = root, .adopted = true};
    subscribe(polkit);
}

void polkit_release(Polkit *polkit)
{
    polkit_set_rules(polkit, NULL);
    g_dbus_connection_signal_unsubscribe(polkit->fixture.root, polkit->subscription);
}

void polkit_start_service(Polkit *polkit, const char *option)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), option, NULL};

    fixture_launch_as(&polkit->fixture, user_id(SERVICE_USER), argv);
}

void polkit_start(Polkit *polkit, const char *rules, const char *option)
{
    polkit_start_bus(polkit, rules);
    polkit_start_daemon(polkit);
    polkit_start_service(polkit, option);
}

/* polkit answers in turn, and what it has sent before its answer to us the bus has passed on before
 * our call to the service. */
void polkit_catch_up(Polkit *polkit)
{
    Answer answer;

    (void)count_changes(polkit);
    call_full(&answer, polkit->fixture.root, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    answer_clear(&answer);
}

void polkit_stop(Polkit *polkit)
{
    if (polkit->fixture.service_pid)
        g_assert_cmpint(fixture_end_service(&polkit->fixture, SIGTERM), ==, 0);
    if (polkit->pid)
        polkit_end_daemon(polkit, SIGTERM);
    g_dbus_connection_signal_unsubscribe(polkit->fixture.root, polkit->subscription);
    fixture_stop(&polkit->fixture);
}

/*
 * Traffic
 */

/* In a thread of GDBus's. */
static void count(GDBusMessage *message, void *userdata)
{
    PolkitTraffic *traffic = userdata;
    g_autoptr(GVariant) details = NULL;
    guint32 flags;

    if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL ||
        g_strcmp0(g_dbus_message_get_interface(message), POLKIT_INTERFACE) != 0)
        return;

    if (g_strcmp0(g_dbus_message_get_member(message), "CancelCheckAuthorization") == 0)
        g_atomic_int_inc(&traffic->n_cancels);
    if (g_strcmp0(g_dbus_message_get_member(message), "CheckAuthorization") != 0)
        return;
    g_variant_get(g_dbus_message_get_body(message), "((sa{sv})s@a{ss}us)", NULL, NULL, NULL,
                  &details, &flags, NULL);
    g_atomic_int_inc(&traffic->n_questions);
    g_atomic_int_add(&traffic->n_prompts, flags == 1);
    g_atomic_int_add(&traffic->n_details, g_variant_n_children(details) > 0);
}

void polkit_traffic_start(PolkitTraffic *traffic, Fixture *fixture)
{
    *traffic = (PolkitTraffic){.fixture = fixture};
    monitor_start(&traffic->monitor, count, traffic);
}

void polkit_traffic_assert(PolkitTraffic *traffic, int n_questions, int n_prompts)
{
    GDBusConnection *root = traffic->fixture->root;

    monitor_catch_up(&traffic->monitor, traffic->fixture);
    g_assert_cmpint(g_atomic_int_get(&traffic->n_questions), ==, n_questions);
    g_assert_cmpint(g_atomic_int_get(&traffic->n_prompts), ==, n_prompts);
    g_assert_cmpint((int)get_statistic(root, "authorisation_questions"), ==, n_questions);
    g_assert_cmpint((int)get_statistic(root, "authorisation_prompts"), ==, n_prompts);
}

void polkit_traffic_end(PolkitTraffic *traffic)
{
    monitor_stop(&traffic->monitor);
}

/*
 * Probes
 */

void probe_start(Answer *answer, GDBusConnection *connection, CallManner manner, const char *host,
                 const char *options)
{
    if (manner == CALL_INTERACTIVE)
        call_interactive(answer, connection, "Probe", probe_arguments(host, options));
    else
        call_start(answer, connection, "Probe", probe_arguments(host, options));
}

void assert_granted(GDBusConnection *connection, CallManner manner, const char *host,
                    const char *options)
{
    Answer answer;

    probe_start(&answer, connection, manner, host, options);
    call_wait(&answer);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

void assert_refused(GDBusConnection *connection, CallManner manner, const char *host,
                    const char *options, const char *error, const char *part)
{
    Answer answer;

    probe_start(&answer, connection, manner, host, options);
    call_wait(&answer);
    assert_error(&answer, error, part);
    answer_clear(&answer);
}
