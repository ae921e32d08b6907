/* SPDX-License-Identifier: MIT */

/* A polkit that changes its mind: what it has allowed before is of the past. */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "polkit.h"
#include "user-process.h"

/*
 * News, while probes flow
 */

/* Probes that are in flight at a time. */
#define FLOW 20

/* How many make a flow. */
#define FLOWN 100

/* Probes without end, which the bus is watched for: those that were called before there was news of
 * polkit, and those after. */
typedef struct Flow {
    GDBusConnection *connection;
    unsigned n_in_flight;
    bool ending;

    Monitor monitor;
    bool (*is_news)(GDBusMessage *message);
    bool heard;        /* the news */
    GHashTable *calls; /* whether each was after the news, by its serial */
    int n_granted, n_refused, n_late_granted, n_late_refused;
} Flow;

static void probe_on(Flow *flow);

static void on_flow_answer(GObject *source, GAsyncResult *result, void *userdata)
{
    GVariant *value = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
    Flow *flow = userdata;

    g_clear_pointer(&value, g_variant_unref); /* what it is, the bus shows */
    flow->n_in_flight--;
    if (!flow->ending)
        probe_on(flow);
}

static void probe_on(Flow *flow)
{
    flow->n_in_flight++;
    g_dbus_connection_call(flow->connection, SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Probe",
                           probe_arguments("127.0.0.1", NULL), NULL, G_DBUS_CALL_FLAGS_NONE,
                           G_MAXINT, NULL, on_flow_answer, flow);
}

/* In a thread of GDBus's: what the bus has passed on, in the order in which the service gets it. */
static void watch_flow(GDBusMessage *message, void *userdata)
{
    const char *name = g_dbus_connection_get_unique_name(((Flow *)userdata)->connection);
    GDBusMessageType type = g_dbus_message_get_message_type(message);
    Flow *flow = userdata;
    gpointer late;

    if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL) {
        if (g_strcmp0(g_dbus_message_get_sender(message), name) == 0)
            g_hash_table_insert(flow->calls, GUINT_TO_POINTER(g_dbus_message_get_serial(message)),
                                GINT_TO_POINTER(flow->heard));
    } else if (type == G_DBUS_MESSAGE_TYPE_SIGNAL) {
        flow->heard = flow->heard || flow->is_news(message);
    } else if (g_strcmp0(g_dbus_message_get_destination(message), name) == 0 &&
               g_hash_table_lookup_extended(
                   flow->calls, GUINT_TO_POINTER(g_dbus_message_get_reply_serial(message)), NULL,
                   &late)) {
        bool granted = type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN;

        if (late)
            g_atomic_int_inc(granted ? &flow->n_late_granted : &flow->n_late_refused);
        else
            g_atomic_int_inc(granted ? &flow->n_granted : &flow->n_refused);
    }
}

static void flow_start(Flow *flow, bool (*is_news)(GDBusMessage *message))
{
    *flow = (Flow){.connection = fixture_connect(FIXTURE_OTHER_UID),
                   .is_news = is_news,
                   .calls = g_hash_table_new(NULL, NULL)};
    monitor_start(&flow->monitor, watch_flow, flow);
    for (unsigned i = 0; i < FLOW; i++)
        probe_on(flow);
}

/* Lets it flow until a counter is so high. */
static void flow_until(const int *counter, int n)
{
    while (g_atomic_int_get(counter) < n)
        g_main_context_iteration(NULL, TRUE);
}

static void flow_end(Flow *flow)
{
    flow->ending = true;
    while (flow->n_in_flight > 0)
        g_main_context_iteration(NULL, TRUE);
    monitor_stop(&flow->monitor);
    fixture_disconnect(flow->connection);
    g_hash_table_unref(flow->calls);
}

static bool is_change(GDBusMessage *message)
{
    return g_strcmp0(g_dbus_message_get_interface(message), POLKIT_INTERFACE) == 0 &&
           g_strcmp0(g_dbus_message_get_member(message), "Changed") == 0;
}

/* A yes is kept no longer than its rule. */
static void test_rules_change(void)
{
    static const char *const others[] = {"return NO;", NULL};

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        Polkit polkit;
        Flow flow;

        polkit_start(&polkit, "return YES;", NULL);
        flow_start(&flow, is_change);
        flow_until(&flow.n_granted, FLOWN);
        polkit_set_rules(&polkit, others[i]);
        flow_until(&flow.n_late_refused, FLOWN);
        g_assert_cmpint(g_atomic_int_get(&flow.n_late_granted), ==, 0);

        polkit_set_rules(&polkit, "return YES;");
        flow_until(&flow.n_late_granted, FLOWN);

        flow_end(&flow);
        polkit_stop(&polkit);
    }
}

static bool is_departure(GDBusMessage *message)
{
    const char *name, *new_owner;

    if (g_strcmp0(g_dbus_message_get_member(message), "NameOwnerChanged") != 0)
        return false;
    g_variant_get(g_dbus_message_get_body(message), "(&s&s&s)", &name, NULL, &new_owner);
    return strcmp(name, POLKIT_NAME) == 0 && !*new_owner;
}

/* Nor longer than polkit itself is there: the next may have other rules. */
static void test_restart(void)
{
    static const int signals[] = {SIGTERM, SIGKILL};

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        Polkit polkit;
        Flow flow;

        polkit_start(&polkit, "return YES;", NULL);
        flow_start(&flow, is_departure);
        flow_until(&flow.n_granted, FLOWN);
        polkit_end_daemon(&polkit, signals[i]);
        flow_until(&flow.n_late_refused, FLOWN); /* there is no polkit */
        polkit_set_rules(&polkit, "return NO;");
        polkit_start_daemon(&polkit);
        flow_until(&flow.n_late_refused, g_atomic_int_get(&flow.n_late_refused) + FLOWN);
        g_assert_cmpint(g_atomic_int_get(&flow.n_late_granted), ==, 0);

        polkit_set_rules(&polkit, "return YES;");
        flow_until(&flow.n_late_granted, FLOWN);

        flow_end(&flow);
        polkit_stop(&polkit);
    }
}

/* An authentication that polkit has forgotten is asked for again. */
static void test_forgotten(void)
{
    GDBusConnection *user;
    UserProcess process;
    Polkit polkit;
    Agent agent;

    polkit_start(&polkit, NULL, NULL);
    user_process_start(&process, FIXTURE_OTHER_UID);
    user = user_process_connect(&process);
    agent_start(&agent, &polkit.fixture, process.pid, FIXTURE_OTHER_UID, AGENT_YES);
    for (unsigned i = 0; i < 2; i++)
        assert_granted(user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_cmpuint(agent.n_prompts, ==, 1);

    polkit_end_daemon(&polkit, SIGTERM);
    polkit_start_daemon(&polkit);
    assert_refused(user, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_AUTHENTICATION, "no agent");
    agent_register(&agent);
    for (unsigned i = 0; i < 2; i++)
        assert_granted(user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_cmpuint(agent.n_prompts, ==, 2);

    agent_end(&agent);
    fixture_disconnect(user);
    user_process_end(&process);
    polkit_stop(&polkit);
}

/*
 * What is not polkit's
 */

#define LAX_POLICY "/usr/share/dbus-1/system.d/lax.conf"

/* Sends a signal to the service alone, or to all who listen for it; and sees to it that it has
 * arrived. */
static void send_signal(GDBusConnection *connection, const char *destination, const char *path,
                        const char *interface, const char *member, GVariant *arguments)
{
    g_autoptr(GError) error = NULL;
    Answer answer;

    g_dbus_connection_emit_signal(connection, destination, path, interface, member, arguments,
                                  &error);
    g_assert_no_error(error);
    call_full(&answer, connection, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
}

/* Only polkit itself can have the service ask again, and only the bus can say that it has gone. */
static void test_spoofed_news(void)
{
    static const char lax[] = "<busconfig><policy user='root'>"
                              "<allow send_destination='" SERVICE_NAME "'/>"
                              "</policy></busconfig>";
    static const uid_t uids[] = {FIXTURE_OTHER_UID, 0};
    static const char *const destinations[] = {SERVICE_NAME, NULL};
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    /* The bus itself would keep most of this from the service. */
    g_assert_true(g_file_set_contents(LAX_POLICY, lax, -1, NULL));
    polkit_start(&polkit, "return YES;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(uids); i++) {
        GDBusConnection *liar = fixture_connect(uids[i]);

        for (size_t j = 0; j < G_N_ELEMENTS(destinations); j++) {
            send_signal(liar, destinations[j], POLKIT_PATH, POLKIT_INTERFACE, "Changed", NULL);
            send_signal(liar, destinations[j], "/org/freedesktop/DBus", "org.freedesktop.DBus",
                        "NameOwnerChanged", g_variant_new("(sss)", POLKIT_NAME, ":1.1", ""));
        }
        assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
        polkit_traffic_assert(&traffic, 1, 0);
        fixture_disconnect(liar);
    }

    /* It would show. */
    polkit_set_rules(&polkit, "return YES;");
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    monitor_catch_up(&traffic.monitor, &polkit.fixture);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_questions), >, 1);

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
    g_assert_cmpint(unlink(LAX_POLICY), ==, 0);
}

static void add_tests(void)
{
    g_test_add_func("/authority/news/rules-change", test_rules_change);
    g_test_add_func("/authority/news/restart", test_restart);
    g_test_add_func("/authority/news/forgotten", test_forgotten);
    g_test_add_func("/authority/news/spoofed", test_spoofed_news);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
