/* SPDX-License-Identifier: MIT */

/* A polkit that changes its mind, or fails: nobody may what it does not allow now, and no call is
 * left unanswered. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "crowd.h"
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
 * A polkit that does not answer
 */

#define CROWD 200
#define CROWD_PER_CONNECTION 100 /* the bus lets each have no more than 128 calls waiting */

/* A user's probes, each to a host of its own, so that each is a question. */
typedef struct Askers {
    GDBusConnection *connections[CROWD / CROWD_PER_CONNECTION];
    Answer answers[CROWD];
} Askers;

static void askers_start(Askers *askers)
{
    for (unsigned i = 0; i < CROWD; i++) {
        GDBusConnection **connection = &askers->connections[i / CROWD_PER_CONNECTION];
        g_autofree char *host = g_strdup_printf("127.0.1.%u", i + 1);

        if (i % CROWD_PER_CONNECTION == 0)
            *connection = fixture_connect(FIXTURE_OTHER_UID);
        probe_start(&askers->answers[i], *connection, CALL_QUIET, host, NULL);
    }
}

/* Waits until all are answered with AccessDenied and PART in the message. */
static void askers_end(Askers *askers, const char *part)
{
    for (unsigned i = 0; i < CROWD; i++) {
        call_wait(&askers->answers[i]);
        assert_error(&askers->answers[i], ERROR_ACCESS_DENIED, part);
        answer_clear(&askers->answers[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(askers->connections); i++)
        fixture_disconnect(askers->connections[i]);
}

/* Probes until it is granted: what was asked before keeps polkit busy for a while. */
static void probe_until_granted(GDBusConnection *connection)
{
    bool granted = false;

    for (unsigned i = 0; !granted; i++) {
        Answer answer;

        g_assert_cmpuint(i, <, 30);
        probe_wait(&answer, connection, "127.0.0.1", NULL);
        granted = !answer.error;
        if (!granted)
            assert_error(&answer, ERROR_ACCESS_DENIED, "has not answered within");
        answer_clear(&answer);
    }
}

static void test_stopped(void)
{
    GDBusConnection *root;
    Askers askers;
    Polkit polkit;

    polkit_start(&polkit, "return YES;", "--answer-timeout=1");

    /* Again: what nobody waits for any more gives its place back once polkit has answered. */
    for (unsigned i = 0; i < 3; i++) {
        GDBusConnection *other = fixture_connect(FIXTURE_OTHER_UID);

        polkit_pause_daemon(&polkit);
        askers_start(&askers);
        askers_end(&askers,
                   "user 4242 may not send probes: polkit has not answered within 1 s (polkit "
                   "action " ACTION_PROBE ")");

        /* The service has not used up what the bus lets it ask: it learns who this is. */
        root = fixture_connect(0);
        assert_granted(root, CALL_QUIET, "127.0.0.1", NULL);
        fixture_disconnect(root);

        g_assert_cmpint(kill(polkit.pid, SIGCONT), ==, 0);
        probe_until_granted(other);
        fixture_disconnect(other);
    }
    polkit_stop(&polkit);
}

/* A polkit that is lost with questions in flight, and more of them waiting. */
static void test_killed(void)
{
    GDBusConnection *other;
    Askers askers;
    Polkit polkit;
    Tally tally;

    polkit_start(&polkit, "return YES;", NULL);
    tally_start(&tally);
    polkit_pause_daemon(&polkit);
    askers_start(&askers);
    fixture_wait_probes(&polkit.fixture, 0, CROWD);
    polkit_end_daemon(&polkit, SIGKILL);
    askers_end(&askers, "user 4242 may not send probes: ");

    polkit_start_daemon(&polkit);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    tally_end(&tally, &polkit.fixture, CROWD + 1);

    fixture_disconnect(other);
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

/*
 * A polkit that talks nonsense: no real one does
 */

typedef struct Nonsense {
    const char *body;  /* of its answer, or NULL if that has none */
    const char *error; /* its name, if it is one */
    const char *part;  /* of what the caller hears; NULL if it is granted */
    bool news;         /* it says Changed before it answers */
} Nonsense;

/* In a thread of GDBus's. */
static GDBusMessage *talk_nonsense(GDBusConnection *connection, GDBusMessage *message,
                                   gboolean incoming, void *userdata)
{
    const Nonsense *nonsense = g_atomic_pointer_get((const Nonsense **)userdata);
    g_autoptr(GDBusMessage) reply = NULL;
    g_autoptr(GError) error = NULL;
    GVariant *body = NULL;

    if (!incoming || g_strcmp0(g_dbus_message_get_member(message), "CheckAuthorization") != 0)
        return message;

    if (nonsense->body)
        body = g_variant_parse(NULL, nonsense->body, NULL, NULL, &error);
    g_assert_no_error(error);
    if (nonsense->news)
        g_dbus_connection_emit_signal(connection, NULL, POLKIT_PATH, POLKIT_INTERFACE, "Changed",
                                      NULL, NULL);
    reply = nonsense->error ? g_dbus_message_new_method_error_literal(message, nonsense->error, "")
                            : g_dbus_message_new_method_reply(message);
    if (body || !nonsense->error)
        g_dbus_message_set_body(reply, body ? body : g_variant_new("()"));
    g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
    g_object_unref(message);
    return NULL;
}

static GDBusConnection *become_polkit(const Nonsense **nonsense)
{
    GDBusConnection *connection = fixture_connect(polkit_uid());
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    g_dbus_connection_add_filter(connection, talk_nonsense, nonsense, NULL);
    reply = g_dbus_connection_call_sync(
        connection, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", POLKIT_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    return connection;
}

static void test_nonsense(void)
{
    static const char not_understood[] = "polkit's answer is not understood";
    static const Nonsense rows[] = {
        {NULL, NULL, not_understood},
        {"(true,)", NULL, not_understood},
        {"('yes',)", NULL, not_understood},
        {"(true, false, @a{ss} {})", NULL, not_understood},
        {"((true, false),)", NULL, not_understood},
        {"((true, false, @a{sv} {}),)", NULL, not_understood},
        {"((true, false, @as []),)", NULL, not_understood},
        {"((true, true, true),)", NULL, not_understood},
        {"((1, 0, @a{ss} {}),)", NULL, not_understood},
        {"([(true, false, @a{ss} {})],)", NULL, not_understood},
        {"(<(true, false, @a{ss} {})>,)", NULL, not_understood},
        {"((true, false, @a{ss} {}), 'and more')", NULL, not_understood},
        {NULL, POLKIT_NAME ".Error.Failed", "polkit failed: \"\""},
        {"()", POLKIT_NAME ".Error.Failed", "polkit failed: \"" POLKIT_NAME ".Error.Failed\""},
        {"(true,)", POLKIT_NAME ".Error.Failed", "polkit failed: "},
        {"((true, false, @a{ss} {}),)", POLKIT_NAME ".Error.Failed", "polkit failed: "},
        {"('a\\nb\\u202e\\u001b[31m',)", "com.example.Error",
         "polkit failed: \"a\\x0ab\\xe2\\x80\\xae\\x1b[31m\" (polkit action"},
        {"((false, false, @a{ss} {}),)", NULL, "polkit says no"},
        {"((false, false, {'polkit.dismissed': '', 'polkit.temporary_authorization_id': ''}),)",
         NULL, "the authentication was dismissed"},
        {"((true, false, @a{ss} {}),)", NULL, NULL},
        {"((true, false, {'unknown': 'detail'}),)", NULL, NULL},
    };
    const Nonsense *nonsense = NULL;
    GDBusConnection *other, *polkitd;
    Polkit polkit;

    polkit_start_bus(&polkit, NULL);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    polkitd = become_polkit(&nonsense);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%zu", i + 1);

        g_atomic_pointer_set(&nonsense, &rows[i]);
        if (rows[i].part) {
            assert_refused(other, CALL_QUIET, host, NULL, ERROR_ACCESS_DENIED, rows[i].part);
            assert_refused(other, CALL_INTERACTIVE, host, NULL, ERROR_ACCESS_DENIED, rows[i].part);
        } else {
            assert_granted(other, CALL_QUIET, host, NULL);
        }
    }

    /* Nothing of it outlives who has said it. */
    fixture_disconnect(polkitd);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%zu", i + 1);

        assert_refused(other, CALL_QUIET, host, NULL, ERROR_ACCESS_DENIED, "only root may");
    }

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* What polkit says between a question and its answer counts, also when it has not answered before:
 * the answer may be of before the news. */
static void test_news_before_answer(void)
{
    static const Nonsense with_news = {"((true, false, @a{ss} {}),)", .news = true};
    static const Nonsense without = {"((true, false, @a{ss} {}),)"};
    const Nonsense *nonsense = &with_news;
    GDBusConnection *other, *polkitd;
    Polkit polkit;

    polkit_start_bus(&polkit, NULL);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    polkitd = become_polkit(&nonsense);
    for (unsigned i = 1; i <= 3; i++) {
        assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
        g_assert_cmpuint(get_statistic(polkit.fixture.root, "authorisation_questions"), ==, i);
    }
    g_atomic_pointer_set(&nonsense, &without);
    for (unsigned i = 0; i < 3; i++)
        assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    g_assert_cmpuint(get_statistic(polkit.fixture.root, "authorisation_questions"), ==, 4);

    fixture_disconnect(polkitd);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* A polkit that is slow, but answers: whoever waits for its turn is not refused for that. */
static void test_slow(void)
{
    enum {
        HOSTS = 120,
    };
    Answer answers[HOSTS];
    GDBusConnection *other;
    Polkit polkit;

    /* all together take longer than one may; those 32 that are asked at a time do not */
    polkit_start(&polkit, "var end = Date.now() + 25; while (Date.now() < end); return YES;",
                 "--answer-timeout=2");
    other = fixture_connect(FIXTURE_OTHER_UID);
    for (unsigned i = 0; i < HOSTS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%u", i + 1);

        probe_start(&answers[i], other, CALL_QUIET, host, NULL);
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* A polkit that has no such action, or does not answer the user that the service is. */
static void test_misinstalled(void)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), NULL};
    GDBusConnection *other;
    Polkit polkit;

    polkit_start_bus(&polkit, "return YES;");
    polkit_start_daemon(&polkit);
    fixture_launch_unprivileged(&polkit.fixture, argv);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "polkit failed: \"Only trusted callers");
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    fixture_disconnect(other);
    polkit_stop(&polkit);

    polkit_start_bus(&polkit, "return YES;");
    g_assert_cmpint(unlink(POLKIT_POLICY), ==, 0);
    polkit_start_daemon(&polkit);
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "polkit failed: ");
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/authority/faults/rules-change", test_rules_change);
    g_test_add_func("/authority/faults/restart", test_restart);
    g_test_add_func("/authority/faults/forgotten", test_forgotten);
    g_test_add_func("/authority/faults/stopped", test_stopped);
    g_test_add_func("/authority/faults/killed", test_killed);
    g_test_add_func("/authority/faults/spoofed-news", test_spoofed_news);
    g_test_add_func("/authority/faults/nonsense", test_nonsense);
    g_test_add_func("/authority/faults/news-before-answer", test_news_before_answer);
    g_test_add_func("/authority/faults/slow", test_slow);
    g_test_add_func("/authority/faults/misinstalled", test_misinstalled);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
