/* SPDX-License-Identifier: MIT */

/* The service's place on the bus: its interface, its policy, who may what. */

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "stream-client.h"

/*
 * The written interface
 */

static void compare_annotations(GDBusAnnotationInfo **written, GDBusAnnotationInfo **live)
{
    unsigned n = 0;

    for (; written && *written; written++, n++)
        g_assert_cmpstr(g_dbus_annotation_info_lookup(live, (*written)->key), ==,
                        (*written)->value);
    for (; live && *live; live++)
        n--;
    g_assert_cmpuint(n, ==, 0);
}

static void compare_arguments(GDBusArgInfo **written, GDBusArgInfo **live)
{
    for (; *written && *live; written++, live++) {
        g_assert_cmpstr((*live)->name, ==, (*written)->name);
        g_assert_cmpstr((*live)->signature, ==, (*written)->signature);
        compare_annotations((*written)->annotations, (*live)->annotations);
    }
    g_assert_null(*written);
    g_assert_null(*live);
}

static unsigned length(void *array)
{
    unsigned n = 0;

    for (void **element = array; element && *element; element++)
        n++;
    return n;
}

static void compare_interfaces(GDBusInterfaceInfo *written, GDBusInterfaceInfo *live)
{
    compare_annotations(written->annotations, live->annotations);

    g_assert_cmpuint(length(live->methods), ==, length(written->methods));
    for (GDBusMethodInfo **method = written->methods; method && *method; method++) {
        GDBusMethodInfo *other = g_dbus_interface_info_lookup_method(live, (*method)->name);

        g_assert_nonnull(other);
        compare_arguments((*method)->in_args, other->in_args);
        compare_arguments((*method)->out_args, other->out_args);
        compare_annotations((*method)->annotations, other->annotations);
    }

    g_assert_cmpuint(length(live->signals), ==, length(written->signals));
    for (GDBusSignalInfo **signal = written->signals; signal && *signal; signal++) {
        GDBusSignalInfo *other = g_dbus_interface_info_lookup_signal(live, (*signal)->name);

        g_assert_nonnull(other);
        compare_arguments((*signal)->args, other->args);
        compare_annotations((*signal)->annotations, other->annotations);
    }

    g_assert_cmpuint(length(live->properties), ==, length(written->properties));
    for (GDBusPropertyInfo **property = written->properties; property && *property; property++) {
        GDBusPropertyInfo *other = g_dbus_interface_info_lookup_property(live, (*property)->name);

        g_assert_nonnull(other);
        g_assert_cmpstr(other->signature, ==, (*property)->signature);
        g_assert_cmpint(other->flags, ==, (*property)->flags);
        compare_annotations((*property)->annotations, other->annotations);
    }
}

/* What is installed as the interface is what the service says of itself, element by element. */
static void test_introspection(void)
{
    g_autoptr(GDBusNodeInfo) written = NULL, live = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    const char *live_text;
    Fixture fixture;
    Answer answer;

    g_file_get_contents(g_getenv("TEST_INTERFACE"), &text, NULL, &error);
    g_assert_no_error(error);
    written = g_dbus_node_info_new_for_xml(text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(written->path, ==, SERVICE_PATH);
    g_assert_cmpuint(length(written->interfaces), ==, 1);

    fixture_start(&fixture, NULL);
    call_full(&answer, fixture.root, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    call_wait(&answer);
    g_variant_get(answer.value, "(&s)", &live_text);
    live = g_dbus_node_info_new_for_xml(live_text, &error);
    g_assert_no_error(error);

    for (GDBusInterfaceInfo **interface = live->interfaces; *interface; interface++)
        g_assert_true(strcmp((*interface)->name, SERVICE_INTERFACE) == 0 ||
                      g_str_has_prefix((*interface)->name, "org.freedesktop.DBus."));
    compare_interfaces(g_dbus_node_info_lookup_interface(written, SERVICE_INTERFACE),
                       g_dbus_node_info_lookup_interface(live, SERVICE_INTERFACE));

    answer_clear(&answer);
    fixture_stop(&fixture);
}

/*
 * Who may what
 */

static void test_users(void)
{
    GDBusConnection *other;
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);

    /* Refused before mtr-packet is asked, but after the arguments are read. */
    probe_wait(&answer, other, "127.0.0.1", NULL);
    assert_error(&answer, ERROR_ACCESS_DENIED, "user 4242");
    answer_clear(&answer);
    probe_wait(&answer, other, "127.0.0.1", "{'ttl': <0>}");
    assert_error(&answer, ERROR_INVALID_ARGS, "ttl");
    answer_clear(&answer);

    call_start(&answer, other, "CheckSupport", g_variant_new("(s)", "icmp"));
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);

    call_full(&answer, other, "org.freedesktop.DBus.Properties", "GetAll",
              g_variant_new("(s)", SERVICE_INTERFACE));
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);

    call_full(&answer, other, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);

    call_full(&answer, other, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);

    /* not in the policy, though sd-bus would answer it, if only with an error of its own */
    call_full(&answer, other, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "");
    answer_clear(&answer);

    /* read-only */
    call_full(&answer, fixture.root, "org.freedesktop.DBus.Properties", "Set",
              g_variant_new("(ssv)", SERVICE_INTERFACE, "Version", g_variant_new_string("9")));
    call_wait(&answer);
    assert_error(&answer, "org.freedesktop.DBus.Error.PropertyReadOnly", "");
    answer_clear(&answer);

    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);

    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/* The name is root's and the service's user's; nobody else can pose as the service. */
static void test_name(void)
{
    GDBusConnection *other;
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    unsigned result;

    fixture_bus(&fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    reply = g_dbus_connection_call_sync(other, "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                                        "RequestName", g_variant_new("(su)", SERVICE_NAME, 0), NULL,
                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    g_clear_error(&error);

    reply = g_dbus_connection_call_sync(
        fixture.root, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", SERVICE_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    g_variant_get(reply, "(u)", &result);
    g_assert_cmpuint(result, ==, 1);

    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/*
 * What the service asks of the bus
 */

static void count_questions(GDBusMessage *message, void *userdata)
{
    const char *member = g_dbus_message_get_member(message);

    if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
        g_str_has_prefix(member, "GetConnection"))
        g_atomic_int_inc((int *)userdata);
}

/* A connection's user is asked for once, however many calls it makes, at once or one by one. */
static void test_one_question(void)
{
    GDBusConnection *callers[3];
    Answer answers[20], answer;
    Fixture fixture;
    Monitor monitor;
    int count = 0;

    fixture_start(&fixture, NULL);
    monitor_start(&monitor, count_questions, &count);

    for (unsigned i = 0; i < G_N_ELEMENTS(callers); i++)
        callers[i] = fixture_connect(0);
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        call_start(&answers[i], callers[i % G_N_ELEMENTS(callers)], "Probe",
                   probe_arguments("127.0.0.1", NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    for (unsigned i = 0; i < 5; i++) {
        probe_wait(&answer, callers[0], "127.0.0.1", NULL);
        assert_result(&answer, "reply");
        answer_clear(&answer);
    }

    monitor_catch_up(&monitor, &fixture);
    g_assert_cmpint(g_atomic_int_get(&count), ==, G_N_ELEMENTS(callers));

    for (unsigned i = 0; i < G_N_ELEMENTS(callers); i++)
        fixture_disconnect(callers[i]);
    monitor_stop(&monitor);
    fixture_stop(&fixture);
}

#define CALLS 100
#define DESCRIPTORS 16 /* as many as the bus lets one message have */

/* A call of Probe with so many descriptors, where nobody answers. */
static GDBusMessage *call_with_descriptors(unsigned n)
{
    GDBusMessage *message =
        g_dbus_message_new_method_call(SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Probe");
    g_autoptr(GUnixFDList) list = g_unix_fd_list_new();

    g_dbus_message_set_body(message, probe_arguments("192.0.2.2", "{'timeout': <60>}"));
    for (unsigned i = 0; i < n; i++)
        g_assert_cmpint(g_unix_fd_list_append(list, 0, NULL), >=, 0);
    g_dbus_message_set_unix_fd_list(message, list);
    return message;
}

/* Nobody can hand the service a descriptor, which it would have to close: the bus refuses. */
static void test_descriptors_refused(const void *argument)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), NULL};
    g_autoptr(GDBusMessage) message = call_with_descriptors(1), reply = NULL;
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    Answer answer;

    fixture_bus_of(&fixture, (BusKind)GPOINTER_TO_INT(argument));
    fixture_launch_unprivileged(&fixture, argv);
    reply = g_dbus_connection_send_message_with_reply_sync(
        fixture.root, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, -1, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_dbus_message_to_gerror(reply, &error));
    g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);

    /* But it hands some out. */
    call_start(&answer, fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    close(stream_answer_take(&answer));
    fixture_stop(&fixture);
}

/* On a bus that lets them pass: calls that wait, each with as many descriptors as it may have, more
 * than the service can have. It keeps none, and loses neither a call nor the bus. */
static void test_descriptors(void)
{
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), NULL};
    Fixture fixture;
    unsigned before;
    Answer answer;

    dig_black_hole();
    fixture_bus_of(&fixture, BUS_DAEMON_ALLOW_ALL);
    fixture_launch_unprivileged(&fixture, argv);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);
    before = process_descriptors(fixture.service_pid);

    for (unsigned i = 0; i < CALLS; i++) {
        g_autoptr(GDBusMessage) message = call_with_descriptors(DESCRIPTORS);
        g_autoptr(GError) error = NULL;

        g_dbus_connection_send_message(fixture.root, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                       &error);
        g_assert_no_error(error);
    }
    fixture_wait_probes(&fixture, CALLS, 0);
    g_assert_cmpuint(process_descriptors(fixture.service_pid), ==, before);

    fixture_stop(&fixture);
    fill_black_hole();
}

/* busctl, as in the README. */
static void test_busctl(void)
{
    static const char *const argv[] = {
        "busctl", "--json=short", "call",      SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE,
        "Probe",  "sa{sv}",       "127.0.0.1", "2",          "protocol",   "s",
        "tcp",    "port",         "u",         "9",          NULL};
    g_autofree char *out = NULL;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
    if (!g_regex_match_simple(
            "^{\"type\":\"bsdsa\\(uyby\\)a\\{sv\\}\",\"data\":\\[true,\"reply\",[0-9][0-9.e+-]*,"
            "\"127\\.0\\.0\\.1\",\\[\\],\\{\"address\":\\{\"type\":\"s\",\"data\":\"127\\.0\\.0\\."
            "1\"\\}\\}\\]\\}\n$",
            out, 0, 0))
        g_error("busctl printed: %s", out);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/bus/introspection", test_introspection);
    g_test_add_func("/bus/users", test_users);
    g_test_add_func("/bus/name", test_name);
    g_test_add_func("/bus/one-question", test_one_question);
    g_test_add_func("/bus/descriptors", test_descriptors);
    g_test_add_data_func("/bus/descriptors-refused/daemon", GINT_TO_POINTER(BUS_DAEMON),
                         test_descriptors_refused);
    g_test_add_data_func("/bus/descriptors-refused/broker", GINT_TO_POINTER(BUS_BROKER),
                         test_descriptors_refused);
    g_test_add_func("/bus/busctl", test_busctl);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
