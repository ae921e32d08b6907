/* SPDX-License-Identifier: MIT */

/* The service as it is installed: started by bus and systemd, in its unit, on a machine of its own
 * (tests/machine). */

#include <gio/gio.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "fixture.h"
#include "process.h"
#include "systemd-unit.h"

#define NET_RAW_ONLY "0000000000002000"
#define NONE "0000000000000000"

static GDBusConnection *root;

static void assert_probe(const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, root, host, options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

/* As somebody does at a prompt. */
static void assert_busctl(void)
{
    static const char *const busctl[] = {
        "busctl", "call",   SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE,
        "Probe",  "sa{sv}", "127.0.0.1",  "0",          NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(busctl, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_nonnull(strstr(out, " true \"reply\" "));
}

static int is_active(void)
{
    static const char *const systemctl[] = {"systemctl", "is-active", "--quiet", UNIT_NAME, NULL};

    return fixture_command(systemctl, NULL, NULL);
}

/* The first call starts the service, an idle time ends it, and the next call starts it again. */
static void test_activation(void)
{
    unit_configure(NULL, NULL);
    g_assert_cmpint(is_active(), !=, 0);
    assert_busctl();
    g_assert_cmpint(is_active(), ==, 0);

    unit_configure("--idle-timeout=0.3", NULL);
    for (unsigned i = 0; i < 3; i++) {
        g_autoptr(GVariant) result = NULL;

        assert_busctl();
        unit_wait_state("inactive");
        result = unit_property("Service", "Result");
        g_assert_cmpstr(g_variant_get_string(result, NULL), ==, "success");
    }
    assert_probe("127.0.0.1", NULL);
    g_assert_cmpint(is_active(), ==, 0);
}

static void on_vanished(GDBusConnection *connection, const char *name, void *userdata)
{
    (*(unsigned *)userdata)++;
}

/* Calls come before, while and after the service goes for want of them: each is answered. */
static void test_idle_exit(void)
{
    unsigned exits = 0, watch;

    unit_configure("--idle-timeout=0.05", NULL);
    watch = g_bus_watch_name_on_connection(root, SERVICE_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                           on_vanished, &exits, NULL);
    for (unsigned i = 0; i < 200; i++) {
        assert_probe("127.0.0.1", NULL);
        g_usleep(48000 + i * 100);
    }
    g_bus_unwatch_name(watch);

    g_test_message("%u exits", exits);
    g_assert_cmpuint(exits, >=, 20);
    g_assert_cmpuint(exits, <, 200);
    g_assert_cmpuint(unit_number("Service", "NRestarts"), ==, 0);
}

/* The same by the installed bridge: each has its stream, of the service that goes or of the next,
 * and its answer. */
static void test_bridge(void)
{
    static const char *const sh[] = {
        "sh", "-c", "echo 7 send-probe ip-4 127.0.0.1 | /usr/libexec/mtrpacket-bridge", NULL};
    unsigned exits = 0, watch;

    unit_configure("--idle-timeout=0.05", NULL);
    watch = g_bus_watch_name_on_connection(root, SERVICE_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                           on_vanished, &exits, NULL);
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *out = NULL, *err = NULL;

        g_assert_cmpint(fixture_command(sh, &out, &err), ==, 0);
        g_assert_cmpstr(err, ==, "");
        g_assert_true(g_str_has_prefix(out, "7 reply ip-4 127.0.0.1 round-trip-time "));
        g_usleep(40000 + i * 200);
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
    g_bus_unwatch_name(watch);

    g_test_message("%u exits", exits);
    g_assert_cmpuint(exits, >=, 10);
    g_assert_cmpuint(unit_number("Service", "NRestarts"), ==, 0);
}

/*
 * Protocols
 */

/* Answers a question for an address of IPv4 with 127.0.0.1, any other with none. */
static gboolean on_question(GSocket *socket, GIOCondition condition, void *userdata)
{
    static const guint8 answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
    g_autoptr(GSocketAddress) client = NULL;
    g_autoptr(GError) error = NULL;
    guint8 message[512 + sizeof(answer)];
    gssize size = g_socket_receive_from(socket, &client, (char *)message, 512, NULL, &error);
    gssize end = 12;

    g_assert_no_error(error);
    while (end < size && message[end] != 0)
        end += message[end] + 1;
    end += 5; /* the name's end, type and class */
    g_assert_cmpint(end, <=, size);

    memset(message + 6, 0, 6); /* records: one question and no others */
    message[2] |= 0x80;
    message[3] = 0x80;
    if (message[end - 3] == 1) {
        message[7] = 1;
        memcpy(message + end, answer, sizeof(answer));
        end += (gssize)sizeof(answer);
    }
    g_socket_send_to(socket, client, (char *)message, (gsize)end, NULL, &error);
    g_assert_no_error(error);
    return G_SOURCE_CONTINUE;
}

/* A name server for this machine. */
static GSource *serve_names(void)
{
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(loopback, 53);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);
    GSource *source;

    g_assert_no_error(error);
    g_socket_bind(socket, address, FALSE, &error);
    g_assert_no_error(error);
    source = g_socket_create_source(socket, G_IO_IN, NULL);
    g_source_set_callback(source, G_SOURCE_FUNC(on_question), NULL, NULL);
    g_source_attach(source, NULL);
    return source;
}

/* What the unit takes away is nothing that a probe needs. */
static void test_protocols(void)
{
    static const char *const hosts[] = {"127.0.0.1", "::1",
                                        /* of files, and of the name server */
                                        "four.test", "six.test", "somewhere.test"};
    static const char *const options[] = {
        "{'protocol': <'icmp'>}",
        "{'protocol': <'udp'>}",
        "{'protocol': <'udp'>, 'port': <9>}",
        "{'protocol': <'tcp'>, 'port': <9>}",
        "{'protocol': <'icmp'>, 'mark': <7>}",
        "{'protocol': <'udp'>, 'mark': <8>}",
        "{'protocol': <'tcp'>, 'mark': <9>, 'port': <9>}",
        "{'size': <9000>, 'ttl': <3>, 'tos': <4>, 'bit_pattern': <5>, 'timeout': <2.5>}",
    };
    static const char *const features[] = {"icmp", "udp", "tcp", "ip-4", "ip-6", "mark"};
    GSource *server = serve_names();
    Answer answer;

    unit_configure(NULL, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        for (unsigned j = 0; j < G_N_ELEMENTS(options); j++)
            assert_probe(hosts[i], options[j]);
    assert_probe("127.0.0.1", "{'local_ip': <'127.0.0.2'>}");
    assert_probe("::1", "{'local_ip': <'::1'>}");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        gboolean supported;

        call_start(&answer, root, "CheckSupport", g_variant_new("(s)", features[i]));
        call_wait(&answer);
        g_assert_cmpstr(answer.message, ==, NULL);
        g_variant_get(answer.value, "(b)", &supported);
        if (!supported)
            g_error("%s is not supported in the unit", features[i]);
        answer_clear(&answer);
    }

    probe_wait(&answer, root, "nowhere.test", "{'ip_version': <6>}");
    assert_error(&answer, ERROR_HOST_RESOLVE, "nowhere.test");
    answer_clear(&answer);

    g_source_destroy(server);
    g_source_unref(server);
}

/*
 * Limits
 */

/* Runs a shell command, and returns its exit status and what it wrote. */
static int shell(const char *command, char **ret_out)
{
    const char *const sh[] = {"sh", "-c", command, NULL};

    return fixture_command(sh, ret_out, NULL);
}

static guint64 number_of_filters(GPid pid)
{
    g_autofree char *value = process_status(pid, "Seccomp_filters");

    return g_ascii_strtoull(value, NULL, 10);
}

/* The service: nothing in effect. mtr-packet: CAP_NET_RAW. Both: the service's user, no new
 * privileges, and a filter of system calls beside those that the whole machine has. */
static void test_privileges(void)
{
    const struct passwd *user = getpwnam("mtrpacketd");
    g_autofree char *uids = NULL, *gids = NULL, *group = NULL;
    GPid service, packet;

    g_assert_nonnull(user);
    uids = g_strdup_printf("%1$u\t%1$u\t%1$u\t%1$u", user->pw_uid);
    gids = g_strdup_printf("%1$u\t%1$u\t%1$u\t%1$u", user->pw_gid);
    group = g_strdup_printf("%u", user->pw_gid);

    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
    service = unit_main_pid();
    packet = process_child(service);

    assert_status(packet, "Name", "mtr-packet");
    assert_status(service, "CapEff", NONE);
    assert_status(service, "CapPrm", NET_RAW_ONLY);
    assert_status(packet, "CapEff", NET_RAW_ONLY);
    assert_status(packet, "CapPrm", NET_RAW_ONLY);
    for (unsigned i = 0; i < 2; i++) {
        GPid pid = i == 0 ? service : packet;

        assert_status(pid, "Uid", uids);
        assert_status(pid, "Gid", gids);
        assert_status(pid, "Groups", group);
        assert_status(pid, "CapBnd", NET_RAW_ONLY);
        assert_status(pid, "NoNewPrivs", "1");
        assert_status(pid, "Seccomp", "2");
        g_assert_cmpuint(number_of_filters(pid), >, number_of_filters(getpid()));
    }
}

/* What systemd has made of several lines, of which some give and some take. */
static void test_system_calls(void)
{
    static const char *const refused[] = {
        "bpf",
        "io_uring_setup",
        "kcmp",
        "memfd_create",
        "mount",
        "perf_event_open",
        "pidfd_getfd",
        "process_madvise",
        "process_vm_readv",
        "ptrace",
        "process_vm_writev",
        "unshare",
        "userfaultfd",
    };
    g_autoptr(GVariant) filter = unit_property("Service", "SystemCallFilter");
    g_autoptr(GVariant) names = g_variant_get_child_value(filter, 1);
    g_autofree const char **allowed = g_variant_get_strv(names, NULL);
    gboolean is_allow_list;

    g_variant_get_child(filter, 0, "b", &is_allow_list);
    g_assert_true(is_allow_list);
    g_assert_true(g_strv_contains(allowed, "pipe2"));
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
        if (g_strv_contains(allowed, refused[i]))
            g_error("the unit allows %s()", refused[i]);
}

/* The service's user has nobody to call but the bus and polkit: nor has an mtr-packet that was
 * taken over. */
static void test_bus_policy(void)
{
    static const struct {
        const char *name, *path, *interface, *method;
        bool allowed;
        const char *arguments;
    } rows[] = {
        /* logind would start a service manager of the user's, outside of the unit */
        {"org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
         "SetUserLinger", false, "(@u 4294967295, true, false)"},
        {"org.freedesktop.DBus", "/", "org.freedesktop.DBus", "ListNames", true},
        {"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.DBus.Peer",
         "Ping", false},
        {"org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
         "ListSessions", false},
        {"org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
         "org.freedesktop.PolicyKit1.Authority", "EnumerateTemporaryAuthorizations", false},
        {SERVICE_NAME, SERVICE_PATH, "org.freedesktop.DBus.Peer", "Ping", false},
    };
    GDBusConnection *service_user = fixture_connect(getpwnam("mtrpacketd")->pw_uid);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
            service_user, rows[i].name, rows[i].path, rows[i].interface, rows[i].method,
            rows[i].arguments ? g_variant_parse(NULL, rows[i].arguments, NULL, NULL, NULL) : NULL,
            NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

        if (rows[i].allowed)
            g_assert_nonnull(reply);
        else
            g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    }
    fixture_disconnect(service_user);
}

/* There is no directory that the service could write to. */
static void test_read_only(void)
{
    const struct passwd *user = getpwnam("mtrpacketd");
    g_autofree char *find = NULL, *writable = NULL;

    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
    find = g_strdup_printf("nsenter --mount --target %d setpriv --reuid=%u --regid=%u "
                           "--clear-groups find / -maxdepth 3 -path /proc -prune -o -type d "
                           "-writable -print 2>/dev/null",
                           unit_main_pid(), user->pw_uid, user->pw_gid);
    shell(find, &writable);
    g_assert_cmpstr(writable, ==, "");
}

/* Whether a program that has all that mtr-packet has can open the memory of process @pid. */
static bool opens_memory(GPid pid)
{
    g_autofree char *command =
        g_strdup_printf("systemd-run --quiet --pipe --wait --collect --property=User=mtrpacketd "
                        "--property=AmbientCapabilities=CAP_NET_RAW -- "
                        "sh -c 'exec 3<>/proc/%d/mem' 2>&1",
                        pid);
    g_autofree char *out = NULL;
    int status = shell(command, &out);

    if (status != 0 && !strstr(out, "/mem: Permission denied"))
        g_error("%s", out);
    return status == 0;
}

/* An mtr-packet that was taken over cannot get at the service. */
static void test_memory(void)
{
    static const char *const other =
        "systemd-run --quiet --unit=other --property=User=mtrpacketd "
        "--property=AmbientCapabilities=CAP_NET_RAW -- sleep infinity && "
        "systemctl show --property=MainPID --value other";
    g_autofree char *pid = NULL;

    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
    g_assert_false(opens_memory(unit_main_pid()));

    /* It is not for want of trying. */
    g_assert_cmpint(shell(other, &pid), ==, 0);
    g_assert_true(opens_memory((GPid)g_ascii_strtoll(pid, NULL, 10)));
    g_assert_cmpint(shell("systemctl stop other", NULL), ==, 0);
}

static void test_exposure(void)
{
    g_autofree char *out = NULL;
    const char *level;

    unit_configure(NULL, NULL);
    g_assert_cmpint(shell("systemd-analyze security --no-pager " UNIT_NAME, &out), ==, 0);
    level = strstr(out, "exposure level for " UNIT_NAME ": ");
    g_assert_nonnull(level);
    level = strchr(level, ':') + 2;
    g_test_message("exposure %.3s", level);
    g_assert_cmpfloat(g_ascii_strtod(level, NULL), >, 0);
    g_assert_cmpfloat(g_ascii_strtod(level, NULL), <=, 1.7);
}

/*
 * Losses
 */

/* systemd hears of the service now and then, and has another in its place if it does not. */
static void test_watchdog(void)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    guint64 start;
    GPid service;

    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
    g_assert_cmpuint(unit_number("Service", "WatchdogUSec"), ==, 180 * G_USEC_PER_SEC);

    unit_configure(NULL, "WatchdogSec=3");
    assert_probe("127.0.0.1", NULL);
    unit_wait_state("active");
    service = unit_main_pid();
    start = unit_number("Unit", "ActiveEnterTimestampMonotonic");
    while (unit_number("Service", "WatchdogTimestampMonotonic") < start + G_USEC_PER_SEC) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(20000); /* it is no property that tells of its changes */
    }
    g_assert_cmpint(unit_main_pid(), ==, service);

    g_assert_cmpint(kill(service, SIGSTOP), ==, 0);
    unit_wait_restart(service);
    assert_probe("127.0.0.1", NULL);
}

/* More than the five in ten seconds after which systemd starts nothing any more, by default. */
#define LOSSES 8

/* A service that is lost comes back, again and again, and leaves no mtr-packet. */
static void test_restart(void)
{
    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
    for (unsigned i = 0; i < LOSSES; i++) {
        GPid service = unit_main_pid(), packet = process_child(service);

        g_assert_cmpint(kill(service, SIGKILL), ==, 0);
        unit_wait_restart(service);
        process_wait(packet);
        assert_probe("127.0.0.1", NULL);
    }
    g_assert_cmpuint(unit_number("Service", "NRestarts"), ==, LOSSES);
}

/* What the next start would fail with as well is not tried again and again, but at the next call.
 */
static void test_misconfigured(void)
{
    static const char *const start[] = {"systemctl", "start", UNIT_NAME, NULL};

    unit_configure("--user-probes=nonsense", NULL);
    g_assert_cmpint(fixture_command(start, NULL, NULL), !=, 0);
    unit_wait_state("failed");
    g_assert_cmpuint(unit_number("Service", "NRestarts"), ==, 0);

    unit_configure(NULL, NULL);
    assert_probe("127.0.0.1", NULL);
}

/* Nobody can have the service hold what it does not need: dbus-broker lets header fields through
 * that nobody knows, of any size. */
static void test_large_calls(void)
{
    enum {
        CALLS = 60,
        SIZE = 1024 * 1024,
        UNKNOWN_FIELD = 100,
    };
    g_autofree char *text = g_strnfill(SIZE, 'x'), *before = NULL, *after = NULL;
    GPid service;

    unit_configure(NULL, NULL);
    dig_black_hole();
    assert_probe("127.0.0.1", NULL);
    service = unit_main_pid();
    before = process_status(service, "VmRSS");
    for (unsigned i = 0; i < CALLS; i++) {
        g_autoptr(GDBusMessage) call =
            g_dbus_message_new_method_call(SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Probe");
        g_autoptr(GError) error = NULL;

        g_dbus_message_set_body(call, probe_arguments("192.0.2.2", "{'timeout': <60>}"));
        g_dbus_message_set_flags(call, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
        g_dbus_message_set_header(call, (GDBusMessageHeaderField)UNKNOWN_FIELD,
                                  g_variant_new_string(text));
        g_dbus_connection_send_message(root, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
        g_assert_no_error(error);
    }
    while (get_number(root, "ProbesInFlight") < CALLS)
        ;
    after = process_status(service, "VmRSS");
    g_assert_cmpint(atoi(after) - atoi(before), <, CALLS * SIZE / 1024 / 2); /* kB */
    fill_black_hole();
}

int main(int argc, char *argv[])
{
    g_autofree char *etc = g_build_filename(g_getenv("TEST_TREE"), "etc", NULL);
    const char *const cp[] = {"cp", "-rT", "--remove-destination", etc, "/etc", NULL};
    int status;

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(fixture_command(cp, NULL, NULL), ==, 0);
    root = fixture_connect(0);
    unit_init(root);

    g_test_add_func("/machine/activation", test_activation);
    g_test_add_func("/machine/idle-exit", test_idle_exit);
    g_test_add_func("/machine/bridge", test_bridge);
    g_test_add_func("/machine/protocols", test_protocols);
    g_test_add_func("/machine/privileges", test_privileges);
    g_test_add_func("/machine/system-calls", test_system_calls);
    g_test_add_func("/machine/bus-policy", test_bus_policy);
    g_test_add_func("/machine/read-only", test_read_only);
    g_test_add_func("/machine/memory", test_memory);
    g_test_add_func("/machine/exposure", test_exposure);
    g_test_add_func("/machine/watchdog", test_watchdog);
    g_test_add_func("/machine/restart", test_restart);
    g_test_add_func("/machine/misconfigured", test_misconfigured);
    g_test_add_func("/machine/large-calls", test_large_calls);

    status = g_test_run();
    fixture_disconnect(root);
    return status;
}
