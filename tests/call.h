/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Calls of the service's methods by clients of any user, on the system bus that is there, and what
 * they bring.
 */

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdbool.h>
#include <sys/types.h>

#define SERVICE_NAME "org.mtrpacket.MtrPacket1"
#define SERVICE_PATH "/org/mtrpacket/MtrPacket1"
#define SERVICE_INTERFACE "org.mtrpacket.MtrPacket1"

#define ERROR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define ERROR_NOT_SUPPORTED "org.freedesktop.DBus.Error.NotSupported"
#define ERROR_ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"
#define ERROR_AUTHENTICATION "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
#define ERROR_LIMITS_EXCEEDED "org.freedesktop.DBus.Error.LimitsExceeded"
#define ERROR_NO_MEMORY "org.freedesktop.DBus.Error.NoMemory"
#define ERROR_HOST_RESOLVE SERVICE_INTERFACE ".Error.HostResolve"
#define ERROR_PROCESS SERVICE_INTERFACE ".Error.Process"
#define ERROR_STATE SERVICE_INTERFACE ".Error.State"
#define ERROR_CANCELLED SERVICE_INTERFACE ".Error.Cancelled"

/* Where the D-Bus specification has the system bus. */
#define CALL_BUS_SOCKET "/run/dbus/system_bus_socket"
#define CALL_BUS_ADDRESS "unix:path=" CALL_BUS_SOCKET

/* What a call brought: a value, or the name and message of a D-Bus error. */
typedef struct Answer {
    bool done;
    GVariant *value;
    GUnixFDList *fds; /* that came with it, or NULL */
    char *error, *message;
    gint64 called, answered; /* g_get_monotonic_time() of both */
} Answer;

/** fixture_connect() - a new connection to the bus of user @uid */
GDBusConnection *fixture_connect(uid_t uid);

/** fixture_connect_over() - the same over a socket that a process of user @uid has connected; @fd
 * is taken over */
GDBusConnection *fixture_connect_over(int fd, uid_t uid);

/** fixture_disconnect() - leave the bus */
void fixture_disconnect(GDBusConnection *connection);

/** call_start() - call a method of the service's interface; @answer is filled in as the main
 * context runs */
void call_start(Answer *answer, GDBusConnection *connection, const char *method,
                GVariant *arguments);

/** call_full() - the same for any interface of the service's object, @interface.@method */
void call_full(Answer *answer, GDBusConnection *connection, const char *interface,
               const char *method, GVariant *arguments);

/** call_interactive() - call_start(), and the user may be asked to authenticate */
void call_interactive(Answer *answer, GDBusConnection *connection, const char *method,
                      GVariant *arguments);

/** call_wait() - run the main context until the answer is there */
void call_wait(Answer *answer);

/** wait_until() - run the main context until @flag is true */
void wait_until(const bool *flag);

/** answer_clear() - free what the answer holds; it may be used again */
void answer_clear(Answer *answer);

/** get_property() - a property of the service's interface, to be freed */
GVariant *get_property(GDBusConnection *connection, const char *name);

/** get_number() - one that is a u */
unsigned get_number(GDBusConnection *connection, const char *name);

/** get_statistic() - one of the counters of the property Statistics */
guint64 get_statistic(GDBusConnection *connection, const char *name);

/** probe_arguments() - the arguments of Probe; @options is GVariant text of an a{sv}, or NULL for
 * none */
GVariant *probe_arguments(const char *host, const char *options);

/** probe_wait() - Probe, and wait for its answer */
void probe_wait(Answer *answer, GDBusConnection *connection, const char *host, const char *options);

/** assert_result() - check that the answer is a result with this word, and show it if it is not */
void assert_result(const Answer *answer, const char *result);

/** assert_error() - check that the answer is this error, with @part in its message */
void assert_error(const Answer *answer, const char *error, const char *part);

/** answer_detail() - a string of the probe's details, or NULL */
const char *answer_detail(const Answer *answer, const char *key);
