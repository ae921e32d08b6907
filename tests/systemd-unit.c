/* SPDX-License-Identifier: MIT */

#include "systemd-unit.h"

#include <stdbool.h>
#include <unistd.h>

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/mtrpacketd_2eservice"
#define DROP_IN_DIR "/run/systemd/system/" UNIT_NAME ".d"
#define DROP_IN DROP_IN_DIR "/test.conf"

static GDBusConnection *connection;
static bool changed;

static GVariant *ask(const char *path, const char *interface, const char *method,
                     GVariant *arguments)
{
    g_autoptr(GError) error = NULL;
    GVariant *reply =
        g_dbus_connection_call_sync(connection, SYSTEMD_NAME, path, interface, method, arguments,
                                    NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

    g_assert_no_error(error);
    return reply;
}

static void manage(const char *method, GVariant *arguments)
{
    g_variant_unref(ask("/org/freedesktop/systemd1", SYSTEMD_NAME ".Manager", method, arguments));
}

static void on_changed(GDBusConnection *bus, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *arguments,
                       void *userdata)
{
    changed = true;
}

static gboolean on_time(void *userdata)
{
    g_error("%s", (const char *)userdata);
    return G_SOURCE_REMOVE;
}

/* Returns at the next change of the unit. */
static void wait_change(const char *what)
{
    unsigned timer = g_timeout_add_seconds(30, on_time, (void *)what);

    while (!changed)
        g_main_context_iteration(NULL, TRUE);
    changed = false;
    g_source_remove(timer);
}

void unit_init(GDBusConnection *root)
{
    connection = root;
    g_dbus_connection_signal_subscribe(connection, SYSTEMD_NAME, "org.freedesktop.DBus.Properties",
                                       "PropertiesChanged", UNIT_PATH, NULL,
                                       G_DBUS_SIGNAL_FLAGS_NONE, on_changed, NULL, NULL);
    manage("Subscribe", NULL);
}

GVariant *unit_property(const char *interface, const char *name)
{
    g_autofree char *full = g_strdup_printf(SYSTEMD_NAME ".%s", interface);
    g_autoptr(GVariant) reply =
        ask(UNIT_PATH, "org.freedesktop.DBus.Properties", "Get", g_variant_new("(ss)", full, name));
    GVariant *value;

    g_variant_get(reply, "(v)", &value);
    return value;
}

guint64 unit_number(const char *interface, const char *name)
{
    g_autoptr(GVariant) value = unit_property(interface, name);

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
        return g_variant_get_uint32(value);
    return g_variant_get_uint64(value);
}

static bool is_state(const char *state)
{
    g_autoptr(GVariant) value = unit_property("Unit", "ActiveState");

    return g_strcmp0(g_variant_get_string(value, NULL), state) == 0;
}

void unit_wait_state(const char *state)
{
    g_autofree char *what = g_strdup_printf("the unit does not become %s", state);

    while (!is_state(state))
        wait_change(what);
}

GPid unit_main_pid(void)
{
    GPid pid = (GPid)unit_number("Service", "MainPID");

    g_assert_cmpint(pid, >, 0);
    return pid;
}

GPid unit_wait_restart(GPid pid)
{
    GPid now;

    while (!is_state("active") || (now = (GPid)unit_number("Service", "MainPID")) == pid ||
           now == 0)
        wait_change("the service is not restarted");
    return now;
}

static void reload(void)
{
    manage("Reload", NULL);
}

/* The command line of the unit as it is installed. */
static char *command_line(void)
{
    g_autoptr(GVariant) commands = unit_property("Service", "ExecStart");
    g_autoptr(GVariant) command = g_variant_get_child_value(commands, 0);
    g_autoptr(GVariant) arguments = g_variant_get_child_value(command, 1);
    g_autofree const char **argv = g_variant_get_strv(arguments, NULL);

    g_assert_cmpuint(g_variant_n_children(commands), ==, 1);
    return g_strjoinv(" ", (char **)argv);
}

void unit_configure(const char *option, const char *lines)
{
    g_autoptr(GString) text = g_string_new("[Service]\n");
    g_autoptr(GVariant) state = NULL;
    g_autoptr(GError) error = NULL;

    manage("StopUnit", g_variant_new("(ss)", UNIT_NAME, "replace"));
    state = unit_property("Unit", "ActiveState");
    if (g_str_equal(g_variant_get_string(state, NULL), "failed"))
        manage("ResetFailedUnit", g_variant_new("(s)", UNIT_NAME));
    unit_wait_state("inactive");

    unlink(DROP_IN);
    reload();
    if (!option && !lines)
        return;

    if (option) {
        g_autofree char *line = command_line();
        g_string_append_printf(text, "ExecStart=\nExecStart=%s %s\n", line, option);
    }
    if (lines)
        g_string_append_printf(text, "%s\n", lines);
    g_assert_cmpint(g_mkdir_with_parents(DROP_IN_DIR, 0755), ==, 0);
    g_file_set_contents(DROP_IN, text->str, -1, &error);
    g_assert_no_error(error);
    reload();
}
