/* SPDX-License-Identifier: MIT */

#include "call.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION_FLAGS                                                                           \
    (G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION)

/* Until it becomes root again. The groups are those of who logs in: later releases of polkit (126)
 * take them from the socket, too. */
static void become(uid_t uid)
{
    const struct passwd *user = getpwuid(uid);

    g_assert_cmpint(setresuid(0, 0, 0), ==, 0);
    if (user) /* there are tests of users that nobody knows */
        g_assert_cmpint(initgroups(user->pw_name, user->pw_gid), ==, 0);
    else
        g_assert_cmpint(setgroups(0, NULL), ==, 0);
    g_assert_cmpint(setresuid(uid, uid, 0), ==, 0);
}

GDBusConnection *fixture_connect(uid_t uid)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *connection;

    /* The bus takes a connection's user from the socket, as it was when it connected. */
    become(uid);
    connection = g_dbus_connection_new_for_address_sync(CALL_BUS_ADDRESS, CONNECTION_FLAGS, NULL,
                                                        NULL, &error);
    become(0);
    g_assert_no_error(error);
    return connection;
}

GDBusConnection *fixture_connect_over(int fd, uid_t uid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
    g_autoptr(GSocketConnection) stream = NULL;
    GDBusConnection *connection;

    g_assert_no_error(error);
    stream = g_socket_connection_factory_create_connection(socket);

    /* Which user it is said to be when it introduces itself. */
    become(uid);
    connection =
        g_dbus_connection_new_sync(G_IO_STREAM(stream), NULL, CONNECTION_FLAGS, NULL, NULL, &error);
    become(0);
    g_assert_no_error(error);
    return connection;
}

void fixture_disconnect(GDBusConnection *connection)
{
    g_autoptr(GError) error = NULL;

    if (!g_dbus_connection_is_closed(connection)) /* the bus may have gone */
        g_dbus_connection_close_sync(connection, NULL, &error);
    g_assert_no_error(error);
    g_object_unref(connection);
}

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
    answer->value = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source),
                                                                    &answer->fds, result, &error);
    if (error) {
        answer->error = g_dbus_error_get_remote_error(error);
        g_dbus_error_strip_remote_error(error);
        answer->message = g_strdup(error->message);
    }
    answer->answered = g_get_monotonic_time();
    answer->done = true;
}

static void call(Answer *answer, GDBusConnection *connection, const char *interface,
                 const char *method, GVariant *arguments, GDBusCallFlags flags)
{
    *answer = (Answer){.called = g_get_monotonic_time()};
    g_dbus_connection_call_with_unix_fd_list(connection, SERVICE_NAME, SERVICE_PATH, interface,
                                             method, arguments, NULL, flags, G_MAXINT, NULL, NULL,
                                             on_answer, answer);
}

void call_full(Answer *answer, GDBusConnection *connection, const char *interface,
               const char *method, GVariant *arguments)
{
    call(answer, connection, interface, method, arguments, G_DBUS_CALL_FLAGS_NONE);
}

void call_start(Answer *answer, GDBusConnection *connection, const char *method,
                GVariant *arguments)
{
    call_full(answer, connection, SERVICE_INTERFACE, method, arguments);
}

void call_interactive(Answer *answer, GDBusConnection *connection, const char *method,
                      GVariant *arguments)
{
    call(answer, connection, SERVICE_INTERFACE, method, arguments,
         G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
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
    g_clear_object(&answer->fds);
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

guint64 get_statistic(GDBusConnection *connection, const char *name)
{
    g_autoptr(GVariant) statistics = get_property(connection, "Statistics");
    guint64 value;

    g_assert_cmpstr(g_variant_get_type_string(statistics), ==, "a{st}");
    if (!g_variant_lookup(statistics, name, "t", &value))
        g_error("there is no %s", name);
    return value;
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
