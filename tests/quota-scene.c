/* SPDX-License-Identifier: MIT */

#include "quota-scene.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include "fake-packet.h"

#define OPTIONS_MAX 4

void quota_start(Polkit *polkit, const char *packet_command, const char *const options[])
{
    g_autofree char *packet = g_strdup_printf("--packet-command=%s", packet_command);
    const char *argv[OPTIONS_MAX + 3] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd")};
    unsigned n = 1;

    if (packet_command)
        argv[n++] = packet;
    for (unsigned i = 0; options && options[i]; i++) {
        g_assert_cmpuint(i, <, OPTIONS_MAX);
        argv[n++] = options[i];
    }
    unlink(FAKE_GO); /* of a test before */
    polkit_start_bus(polkit, "return YES;");
    polkit_start_daemon(polkit);
    fixture_launch_as(&polkit->fixture, getpwnam("mtrpacketd")->pw_uid, argv);
}

void quota_stop(Polkit *polkit)
{
    fixture_wait_probes(&polkit->fixture, 0, 0);
    polkit_stop(polkit);
}

const char *quota_fake(const char *name)
{
    return fixture_program("TEST_FAKE_PACKET", name);
}

char *fake_pattern(int number, const char *further)
{
    return g_strdup_printf("{'bit_pattern': <%d>%s}", number, further);
}

void fake_let_go(void)
{
    g_assert_true(g_file_set_contents(FAKE_GO, "", 0, NULL));
}

void fake_release(const Polkit *polkit)
{
    g_assert_cmpint(kill(process_child(polkit->fixture.service_pid), SIGUSR1), ==, 0);
}

void assert_probe(GDBusConnection *connection, const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, connection, host, options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

void assert_probe_refused(GDBusConnection *connection, const char *message)
{
    Answer answer;

    probe_wait(&answer, connection, "127.0.0.1", NULL);
    assert_error(&answer, ERROR_LIMITS_EXCEEDED, message);
    answer_clear(&answer);
}

void check_support(Answer *answer, GDBusConnection *connection, const char *feature)
{
    call_start(answer, connection, "CheckSupport", g_variant_new("(s)", feature));
}

void connection_catch_up(GDBusConnection *connection)
{
    Answer answer;

    call_full(&answer, connection, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    g_assert_null(answer.error);
    answer_clear(&answer);
}

void send_unanswered(GDBusConnection *connection, const char *method, GVariant *arguments)
{
    g_autoptr(GDBusMessage) call =
        g_dbus_message_new_method_call(SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, method);
    g_autoptr(GError) error = NULL;

    g_dbus_message_set_flags(call, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
    g_dbus_message_set_body(call, arguments);
    g_dbus_connection_send_message(connection, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
}

unsigned crowd_refused(const Crowd *crowd, const char *message)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd->n; i++) {
        if (!crowd->answers[i].done)
            continue;
        assert_error(&crowd->answers[i], ERROR_LIMITS_EXCEEDED, message);
        n++;
    }
    return n;
}

void crowd_wait_answered(const Crowd *crowd, unsigned n)
{
    while (crowd_answered(crowd) < n)
        g_main_context_iteration(NULL, TRUE);
}
