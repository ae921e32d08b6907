/* SPDX-License-Identifier: MIT */

#include "crowd.h"

#define CALLS_PER_CONNECTION 110

void crowd_start(Crowd *crowd, unsigned n, const char *host, const char *options)
{
    crowd_start_as(crowd, 0, (n + CALLS_PER_CONNECTION - 1) / CALLS_PER_CONNECTION, n, host,
                   options);
}

void crowd_start_as(Crowd *crowd, uid_t uid, unsigned n_connections, unsigned n, const char *host,
                    const char *options)
{
    unsigned n_calls = (n + n_connections - 1) / n_connections; /* of each */

    crowd->n = n;
    crowd->connections = g_ptr_array_new_with_free_func((GDestroyNotify)fixture_disconnect);
    crowd->answers = g_new0(Answer, n);
    for (unsigned i = 0; i < n_connections; i++)
        g_ptr_array_add(crowd->connections, fixture_connect(uid));
    for (unsigned i = 0; i < n; i++)
        call_start(&crowd->answers[i], g_ptr_array_index(crowd->connections, i / n_calls), "Probe",
                   probe_arguments(host, options));
}

unsigned crowd_answered(const Crowd *crowd)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd->n; i++)
        n += crowd->answers[i].done;
    return n;
}

void crowd_wait(Crowd *crowd)
{
    for (unsigned i = 0; i < crowd->n; i++)
        call_wait(&crowd->answers[i]);
}

static bool is_on_bus(Fixture *fixture, const char *name)
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    gboolean is;

    reply = g_dbus_connection_call_sync(
        fixture->root, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "NameHasOwner", g_variant_new("(s)", name), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    g_variant_get(reply, "(b)", &is);
    return is;
}

void crowd_leave(Crowd *crowd, Fixture *fixture)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < crowd->connections->len; i++)
        g_ptr_array_add(names, g_strdup(g_dbus_connection_get_unique_name(
                                   g_ptr_array_index(crowd->connections, i))));
    g_ptr_array_set_size(crowd->connections, 0);
    crowd_wait(crowd);
    for (unsigned i = 0; i < names->len; i++)
        while (is_on_bus(fixture, g_ptr_array_index(names, i)))
            ;
}

void crowd_end(Crowd *crowd)
{
    for (unsigned i = 0; i < crowd->n; i++)
        answer_clear(&crowd->answers[i]);
    g_ptr_array_unref(crowd->connections);
    g_free(crowd->answers);
}

/*
 * The tally
 */

static char *call_key(const char *caller, guint32 serial)
{
    return g_strdup_printf("%s %u", caller, serial);
}

/* In a thread of GDBus's. Nobody else looks before tally_end() has caught up with it. */
static void count(GDBusMessage *message, void *userdata)
{
    Tally *tally = userdata;
    g_autofree char *key = NULL;
    gpointer n_replies;

    switch (g_dbus_message_get_message_type(message)) {
    case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
        if (g_strcmp0(g_dbus_message_get_member(message), "Probe") == 0)
            g_hash_table_insert(
                tally->replies,
                call_key(g_dbus_message_get_sender(message), g_dbus_message_get_serial(message)),
                GUINT_TO_POINTER(0));
        return;
    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
    case G_DBUS_MESSAGE_TYPE_ERROR:
        key = call_key(g_dbus_message_get_destination(message),
                       g_dbus_message_get_reply_serial(message));
        if (g_hash_table_lookup_extended(tally->replies, key, NULL, &n_replies))
            g_hash_table_insert(tally->replies, g_steal_pointer(&key),
                                GUINT_TO_POINTER(GPOINTER_TO_UINT(n_replies) + 1));
        return;
    case G_DBUS_MESSAGE_TYPE_SIGNAL:
    case G_DBUS_MESSAGE_TYPE_INVALID:
    default:
        return;
    }
}

void tally_start(Tally *tally)
{
    tally->replies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    monitor_start(&tally->monitor, count, tally);
}

void tally_end(Tally *tally, Fixture *fixture, unsigned n)
{
    GHashTableIter iterator;
    gpointer key, n_replies;

    monitor_catch_up(&tally->monitor, fixture);
    monitor_stop(&tally->monitor);

    g_assert_cmpuint(g_hash_table_size(tally->replies), ==, n);
    g_hash_table_iter_init(&iterator, tally->replies);
    while (g_hash_table_iter_next(&iterator, &key, &n_replies))
        if (GPOINTER_TO_UINT(n_replies) != 1)
            g_error("the call %s was answered %u times", (char *)key, GPOINTER_TO_UINT(n_replies));
    g_hash_table_unref(tally->replies);
}
