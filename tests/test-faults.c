/* SPDX-License-Identifier: MIT */

/* The service against a scripted mtr-packet: what the real one does not do on demand. */

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "crowd.h"
#include "fake-packet.h"
#include "fixture.h"
#include "sandbox.h"

static const char *fake(const char *name)
{
    return fixture_program("TEST_FAKE_PACKET", name);
}

static void start_probe(Answer *answer, GDBusConnection *connection, int pattern)
{
    g_autofree char *options = g_strdup_printf("{'bit_pattern': <%d>}", pattern);

    call_start(answer, connection, "Probe", probe_arguments("127.0.0.1", options));
}

static void fake_probe(Answer *answer, GDBusConnection *connection, int pattern)
{
    start_probe(answer, connection, pattern);
    call_wait(answer);
}

static void check_support(Answer *answer, GDBusConnection *connection, const char *feature)
{
    call_start(answer, connection, "CheckSupport", g_variant_new("(s)", feature));
    call_wait(answer);
    g_assert_null(answer->error);
}

/* No program, no such program, one that does something else: Process errors that say so, each time
 * anew. */
static void test_start(const void *argument)
{
    const char *const *row = argument; /* path, or "=" and the fake's name; part of the message */
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, row[0][0] == '=' ? fake(row[0] + 1) : row[0]);
    for (unsigned i = 0; i < 2; i++) {
        probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
        assert_error(&answer, ERROR_PROCESS, row[1]);
        answer_clear(&answer);
    }
    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "icmp"));
    call_wait(&answer);
    assert_error(&answer, ERROR_PROCESS, row[1]);
    answer_clear(&answer);

    g_assert_cmpuint(fixture_processes(&fixture), ==, 2); /* the bus and the service */
    fixture_stop(&fixture);
}

static const char *const starts[][3] = {
    {"/nowhere/mtr-packet", "could not execute it: No such file or directory",
     "/faults/start/missing"},
    {"no-such-packet", "there is no such program", "/faults/start/missing-in-path"},
    {"/etc", "could not execute it: Permission denied", "/faults/start/directory"},
    {"/etc/passwd", "could not execute it: Permission denied", "/faults/start/no-program"},
    {"/bin/true", "exited with status 0", "/faults/start/true"},
    {"/bin/false", "exited with status 1", "/faults/start/false"},
    {"/bin/echo hello", "No such file or directory", "/faults/start/shell-line"},
    {"/bin/echo", "sent a line that is no reply: \"\"", "/faults/start/echo"},
    {"=" FAKE_NAME_NO_PROBES, "does not support send-probe", "/faults/start/no-probes"},
};

/* A path that is none, as long as it is. */
static void test_long_path(void)
{
    g_autofree char *name = g_strnfill(PATH_MAX, 'a');
    g_autofree char *path = g_strdup_printf("/%s", name);
    const char *const row[] = {path, "File name too long"};

    test_start(row);
}

/* One that does something else at the commands by which it is to pass over numbers. */
static void test_numbers(const void *argument)
{
    const char *const *row = argument; /* the fake's name; part of the message */
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fake(row[0]));
    fake_probe(&answer, fixture.root, FAKE_REPLY);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    probe_wait(&answer, fixture.root, "127.0.0.1", "{'protocol': <'udp'>}");
    assert_error(&answer, ERROR_PROCESS, row[1]);
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static const char *const numbers[][3] = {
    {FAKE_NAME_GREEDY, "took an address that is none", "/faults/start/greedy"},
    {FAKE_NAME_CHOKING, "exited with status 3", "/faults/start/choking"},
};

/* A program that never answers its first commands: everybody who waits for it hears of it together.
 */
static void test_silent(void)
{
    Answer answers[10];
    Fixture fixture;

    fixture_start(&fixture, fake(FAKE_NAME_SILENT));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        start_probe(&answers[i], fixture.root, FAKE_REPLY);
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_PROCESS, "did not answer its first commands within 5 s");
        answer_clear(&answers[i]);
    }
    g_assert_cmpuint(fixture_processes(&fixture), ==, 2);
    fixture_stop(&fixture);
}

static const struct {
    const char *path;
    int pattern;
    const char *part;
} losses[] = {
    {"/faults/loss/die", FAKE_DIE, "was killed by signal 9 (Killed)"},
    {"/faults/loss/exit", FAKE_EXIT, "exited with status 3"},
    {"/faults/loss/close", FAKE_CLOSE, "closed its output"},
    {"/faults/loss/garbage", FAKE_GARBAGE, "no reply: \"Segmentation fault \\x1b[31m\""},
    {"/faults/loss/token-zero", FAKE_TOKEN_ZERO,
     "lost its place among the commands: \"0 command-parse-error\""},
    {"/faults/loss/token-unknown", FAKE_TOKEN_UNKNOWN, "answered a command that it was not given"},
    {"/faults/loss/long-line", FAKE_LONG_LINE, "a line of more than 4096 bytes"},
};

/* A process that is lost: everything in flight fails, at once and with the reason; the next probe
 * has a new process. */
static void test_loss(const void *argument)
{
    unsigned loss = GPOINTER_TO_UINT(argument);
    Answer held[50], answer;
    g_autofree char *pid = NULL;
    Fixture fixture;

    fixture_start(&fixture, fake("fake"));
    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    pid = g_strdup(answer_detail(&answer, "pid"));
    answer_clear(&answer);

    for (unsigned i = 0; i < G_N_ELEMENTS(held); i++)
        start_probe(&held[i], fixture.root, FAKE_HOLD);
    start_probe(&answer, fixture.root, losses[loss].pattern);

    for (unsigned i = 0; i < G_N_ELEMENTS(held); i++) {
        call_wait(&held[i]);
        assert_error(&held[i], ERROR_PROCESS, losses[loss].part);
        answer_clear(&held[i]);
    }
    call_wait(&answer);
    assert_error(&answer, ERROR_PROCESS, losses[loss].part);
    answer_clear(&answer);

    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    assert_result(&answer, "inspected");
    g_assert_cmpstr(answer_detail(&answer, "pid"), !=, pid);
    answer_clear(&answer);
    g_assert_cmpuint(fixture_processes(&fixture), ==, 3);
    fixture_stop(&fixture);
}

/* The same, if it does so before it has answered its first commands. */
static void test_deaf(void)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fake(FAKE_NAME_DEAF));
    fake_probe(&answer, fixture.root, FAKE_REPLY);
    assert_error(&answer, ERROR_PROCESS, "closed its input");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

/* A process that reads no more and lives on is lost as any other, though it can still speak. */
static void test_closed_input(void)
{
    Answer answers[10], answer;
    Fixture fixture;

    fixture_start(&fixture, fake("fake"));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        start_probe(&answers[i], fixture.root, i == 0 ? FAKE_CLOSE_INPUT : FAKE_REPLY);
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        /* those that it was not given any more went to the next process */
        if (i > 0 && !answers[i].error)
            assert_result(&answers[i], "reply");
        else
            assert_error(&answers[i], ERROR_PROCESS, "closed its input");
        answer_clear(&answers[i]);
    }

    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    assert_result(&answer, "inspected");
    answer_clear(&answer);
    g_assert_cmpuint(fixture_processes(&fixture), ==, 3);
    fixture_stop(&fixture);
}

/* A process that keeps dying is not started for every call: calls fail promptly all the same, and
 * then it recovers. */
static void test_pause(void)
{
    g_autofree char *pid = NULL;
    unsigned n_refused = 0;
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fake("fake"));
    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    pid = g_strdup(answer_detail(&answer, "pid"));
    answer_clear(&answer);

    for (unsigned i = 0; i < 500; i++) {
        fake_probe(&answer, fixture.root, FAKE_DIE);
        assert_error(&answer, ERROR_PROCESS, "was killed by signal 9 (Killed)");
        n_refused += strstr(answer.message, "it is not started again for another") != NULL;
        answer_clear(&answer);
    }
    g_assert_cmpuint(n_refused, >, 0);

    for (bool recovered = false; !recovered;) {
        fake_probe(&answer, fixture.root, FAKE_INSPECT);
        recovered = !answer.error;
        if (recovered) /* there is nothing else here that takes process numbers */
            g_assert_cmpint(atoi(answer_detail(&answer, "pid")) - atoi(pid), <=,
                            (int)(500 - n_refused));
        answer_clear(&answer);
    }
    fixture_stop(&fixture);
}

static void tcp_probe(Answer *answer, GDBusConnection *connection, int pattern)
{
    g_autofree char *options =
        g_strdup_printf("{'bit_pattern': <%d>, 'protocol': <'tcp'>}", pattern);

    call_start(answer, connection, "Probe", probe_arguments("127.0.0.1", options));
}

/* One process is lost, or cannot take more: who uses the other notices nothing. */
static void test_other_process(void)
{
    Answer held[2], answer;
    Fixture fixture;

    fixture_start(&fixture, fake("fake"));
    start_probe(&held[0], fixture.root, FAKE_HOLD);
    tcp_probe(&held[1], fixture.root, FAKE_HOLD);

    tcp_probe(&answer, fixture.root, FAKE_DIE);
    call_wait(&answer);
    assert_error(&answer, ERROR_PROCESS, "was killed by signal 9 (Killed)");
    answer_clear(&answer);
    call_wait(&held[1]);
    assert_error(&held[1], ERROR_PROCESS, "was killed by signal 9 (Killed)");
    answer_clear(&held[1]);

    g_assert_false(held[0].done);
    check_support(&answer, fixture.root, "release");
    answer_clear(&answer);
    call_wait(&held[0]);
    assert_result(&held[0], "reply");
    answer_clear(&held[0]);
    fixture_stop(&fixture);
}

/* What a process said before it died counts. */
static void test_last_words(void)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, fake("fake"));
    for (unsigned i = 0; i < 20; i++) {
        fake_probe(&answer, fixture.root, FAKE_ANSWER_AND_EXIT);
        /* the process may be found dying or dead by the next: but this one was answered */
        if (answer.error)
            assert_error(&answer, ERROR_PROCESS, "exited with status 4");
        else
            assert_result(&answer, "reply");
        if (i == 0)
            assert_result(&answer, "reply");
        answer_clear(&answer);
    }
    fixture_stop(&fixture);
}

/* An answer too many is one that nobody asked for, whoever has had the first. */
static void test_token_twice(void)
{
    Answer held, answer;
    Fixture fixture;

    fixture_start(&fixture, fake("fake"));
    start_probe(&held, fixture.root, FAKE_HOLD);
    fake_probe(&answer, fixture.root, FAKE_TOKEN_TWICE);
    assert_result(&answer, "no-route");
    answer_clear(&answer);
    call_wait(&held);
    assert_error(&held, ERROR_PROCESS, "answered a command that it was not given");
    answer_clear(&held);
    fixture_stop(&fixture);
}

/* Words, arguments and labels come through as they are. */
static void test_results(void)
{
    g_autoptr(GVariant) mpls = NULL, expected = NULL;
    Fixture fixture;
    Answer answer;
    double time_ms;

    fixture_start(&fixture, fake("fake"));

    fake_probe(&answer, fixture.root, FAKE_MPLS);
    assert_result(&answer, "ttl-expired");
    g_variant_get(answer.value, "(bsds@a(uyby)a{sv})", NULL, NULL, &time_ms, NULL, &mpls, NULL);
    g_assert_cmpfloat(time_ms, ==, 1.234);
    expected = g_variant_ref_sink(
        g_variant_new_parsed("@a(uyby) [(16004, 5, false, 254), (3, 0, true, 1)]"));
    g_assert_true(g_variant_equal(mpls, expected));
    answer_clear(&answer);

    fake_probe(&answer, fixture.root, FAKE_MPLS_BROKEN);
    assert_result(&answer, "ttl-expired");
    g_assert_cmpstr(answer_detail(&answer, "mpls"), ==, "16004,5,0");
    answer_clear(&answer);

    fake_probe(&answer, fixture.root, FAKE_UNKNOWN);
    assert_result(&answer, "wait-tcp-respone-timeout");
    g_assert_cmpstr(answer_detail(&answer, "errno"), ==, "110");
    g_assert_cmpstr(answer_detail(&answer, "address-of"), ==, "nobody");
    g_assert_cmpstr(answer_detail(&answer, "address"), ==, "127.0.0.1");
    answer_clear(&answer);

    fixture_stop(&fixture);
}

/* No more than half of the places are one user's; the rest waits, and has its turn. */
static void test_half(void)
{
    g_autofree char *options = g_strdup_printf("{'bit_pattern': <%d>}", FAKE_HOLD);
    Fixture fixture;
    Answer answer;
    Crowd crowd;

    fixture_start(&fixture, fake("fake"));
    crowd_start(&crowd, 580, "127.0.0.1", options);

    /* the first 500: held until the fake had them all, and saw no more */
    while (crowd_answered(&crowd) < FAKE_HELD_MAX)
        g_main_context_iteration(NULL, TRUE);

    /* The rest are in the fake, or will be before this question is: first come, first served. */
    while (crowd_answered(&crowd) < crowd.n) {
        check_support(&answer, fixture.root, "release");
        answer_clear(&answer);
    }

    for (unsigned i = 0; i < crowd.n; i++) {
        assert_result(&crowd.answers[i], "reply");
        g_assert_nonnull(answer_detail(&crowd.answers[i], "held"));
    }
    crowd_end(&crowd);
    fixture_stop(&fixture);
}

/* A process that reads no further for a while is given no more than a burst, and its barrier. */
static void test_burst(const void *argument)
{
    const int burst = GPOINTER_TO_INT(argument);
    g_autofree char *stall = g_strdup_printf("{'bit_pattern': <%d>}", FAKE_STALL);
    g_autofree char *option = g_strdup_printf("--burst=%d", burst);
    int most = 0;
    Fixture fixture;
    Answer answer;
    Crowd crowd;

    fixture_start_with(&fixture, fake("fake"), option);
    fake_probe(&answer, fixture.root, FAKE_REPLY);
    answer_clear(&answer);

    crowd_start(&crowd, 2 * (unsigned)burst - 1, "127.0.0.1", stall);
    crowd_wait(&crowd);
    for (unsigned i = 0; i < crowd.n; i++) {
        assert_result(&crowd.answers[i], "stalled");
        most = MAX(most, atoi(answer_detail(&crowd.answers[i], "lines")));
    }
    g_assert_cmpint(most, ==, burst); /* the first of a burst sees the others and the barrier */
    crowd_end(&crowd);
    fixture_stop(&fixture);
}

/* A caller that leaves: its probes keep their places until mtr-packet answers, and then nobody
 * minds. */
static void test_abandoned(void)
{
    GDBusConnection *leaver;
    Answer held[20], answer;
    g_autofree char *pid = NULL;
    Fixture fixture;

    fixture_start(&fixture, fake("fake"));
    leaver = fixture_connect(0);
    for (unsigned i = 0; i < G_N_ELEMENTS(held); i++)
        start_probe(&held[i], leaver, FAKE_HOLD);
    fake_probe(&answer, leaver, FAKE_INSPECT);
    pid = g_strdup(answer_detail(&answer, "pid"));
    answer_clear(&answer);
    fixture_disconnect(leaver);
    for (unsigned i = 0; i < G_N_ELEMENTS(held); i++) {
        call_wait(&held[i]);
        answer_clear(&held[i]);
    }

    check_support(&answer, fixture.root, "release");
    answer_clear(&answer);
    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    assert_result(&answer, "inspected");
    g_assert_cmpstr(answer_detail(&answer, "pid"), ==,
                    pid); /* the same process: nothing went wrong */
    answer_clear(&answer);
    fixture_stop(&fixture);
}

/* Calls that expect no reply, by their serials, and how many replies there were to them all the
 * same. */
typedef struct Unexpected {
    char *caller;
    guint32 serials[3]; /* 0 where there is none yet */
    int n_replies;
} Unexpected;

static void count_replies(GDBusMessage *message, void *userdata)
{
    Unexpected *unexpected = userdata;

    for (unsigned i = 0; i < G_N_ELEMENTS(unexpected->serials); i++)
        if (unexpected->serials[i] != 0 &&
            g_strcmp0(g_dbus_message_get_destination(message), unexpected->caller) == 0 &&
            g_dbus_message_get_reply_serial(message) == unexpected->serials[i])
            g_atomic_int_inc(&unexpected->n_replies);
}

/* A call that expects no reply is carried out and gets none: neither a result nor an error, early
 * or late. */
static void test_no_reply_expected(void)
{
    static const char *const options[] = {"{}", "{'ttl': <0>}", "{'bit_pattern': <1>}"};
    Unexpected unexpected = {0};
    Fixture fixture;
    Monitor monitor;
    Answer answer;

    fixture_start(&fixture, fake("fake"));
    monitor_start(&monitor, count_replies, &unexpected);
    /* before there are serials to look for: */
    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    g_assert_cmpstr(answer_detail(&answer, "probes"), ==, "1");
    answer_clear(&answer);
    monitor_catch_up(&monitor, &fixture);
    unexpected.caller = g_strdup(g_dbus_connection_get_unique_name(fixture.root));

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autoptr(GDBusMessage) message =
            g_dbus_message_new_method_call(SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE, "Probe");

        if (i == 2) { /* the third ends the fake: what came before it is asked for first */
            fake_probe(&answer, fixture.root, FAKE_INSPECT);
            g_assert_cmpstr(answer_detail(&answer, "probes"), ==, "3");
            answer_clear(&answer);
        }
        g_dbus_message_set_body(message, probe_arguments("127.0.0.1", options[i]));
        g_dbus_message_set_flags(message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
        g_assert_true(g_dbus_connection_send_message(
            fixture.root, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, &unexpected.serials[i], NULL));
    }
    do { /* until there is a new one */
        fake_probe(&answer, fixture.root, FAKE_INSPECT);
    } while (answer.error && (answer_clear(&answer), true));
    g_assert_cmpstr(answer_detail(&answer, "probes"), ==, "1");
    answer_clear(&answer);

    monitor_catch_up(&monitor, &fixture);
    g_assert_cmpint(g_atomic_int_get(&unexpected.n_replies), ==, 0);
    monitor_stop(&monitor);
    fixture_stop(&fixture);
    g_free(unexpected.caller);
}

/* mtr-packet does not outlive the service, however that ends: killed with it where the kernel may,
 * or at the end of its input. */
static void test_tether(const void *argument)
{
    const char *command = argument;
    Fixture fixture;
    Answer answer;
    GPid packet;

    fixture_start(&fixture, command ? fake(command) : NULL);
    fake_probe(&answer, fixture.root, command ? FAKE_STUCK : FAKE_REPLY);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    packet = process_child(fixture.service_pid);

    g_assert_true(WIFSIGNALED(fixture_end_service(&fixture, SIGKILL)));
    process_wait(packet);
    fixture_stop(&fixture);
}

static void on_owner(GDBusConnection *connection, const char *name, const char *owner,
                     void *userdata)
{
    *(bool *)userdata = false;
}

static void on_no_owner(GDBusConnection *connection, const char *name, void *userdata)
{
    *(bool *)userdata = true;
}

/* A caller that leaves while its probes wait: they are never sent. One of these would end
 * mtr-packet. */
static void test_dropped(void)
{
    GDBusConnection *leaver;
    Answer dropped, answer;
    bool left = false;
    Fixture fixture;
    unsigned watch;

    fixture_start(&fixture, fake(FAKE_NAME_LATE));
    leaver = fixture_connect(0);
    watch = g_bus_watch_name_on_connection(fixture.root, g_dbus_connection_get_unique_name(leaver),
                                           G_BUS_NAME_WATCHER_FLAGS_NONE, on_owner, on_no_owner,
                                           &left, NULL);
    start_probe(&dropped, leaver, FAKE_DIE);
    call_full(&answer, leaver, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer); /* the probe is in the service */
    answer_clear(&answer);
    start_probe(&answer, fixture.root, FAKE_REPLY);

    fixture_disconnect(leaver);
    wait_until(&left);
    call_wait(&dropped); /* GDBus's own error */
    answer_clear(&dropped);
    g_bus_unwatch_name(watch);
    /* This comes to the service after the news that the caller has left. */
    g_assert_cmpuint(fixture_processes(&fixture), ==, 3);

    g_assert_true(g_file_set_contents(FAKE_GO, "", 0, NULL));
    call_wait(&answer);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

/*
 * What mtr-packet is given: three descriptors, no signal state, one capability, no environment but
 * PATH; though the service was given more of each.
 */
static void test_child(void)
{
    g_autofree char *script =
        g_strdup_printf("exec 7</dev/null 8</dev/null; trap '' USR1 HUP PIPE; NOTIFY_SOCKET=/x "
                        "MTR_PACKET=%s exec %s --user=nobody",
                        fake("fake"), fixture_program("TEST_MTRPACKETD", "mtrpacketd"));
    const char *const argv[] = {"bash", "-c", script, NULL};
    Fixture fixture;
    Answer answer;

    fixture_bus(&fixture);
    fixture_launch(&fixture, argv);
    fake_probe(&answer, fixture.root, FAKE_INSPECT);
    assert_result(&answer, "inspected");
    g_assert_cmpstr(answer_detail(&answer, "fds"), ==, "0.1.2.");
    g_assert_cmpstr(answer_detail(&answer, "nofile"), ==, "1024-1024");
    g_assert_cmpstr(answer_detail(&answer, "SigBlk"), ==, "0000000000000000");
    g_assert_cmpstr(answer_detail(&answer, "SigIgn"), ==, "0000000000000000");
    g_assert_cmpstr(answer_detail(&answer, "Uid"), ==, "65534");
    g_assert_cmpstr(answer_detail(&answer, "CapEff"), ==, "0000000000002000");
    g_assert_cmpstr(answer_detail(&answer, "CapPrm"), ==, "0000000000002000");
    g_assert_cmpstr(answer_detail(&answer, "NoNewPrivs"), ==, "1");
    g_assert_cmpstr(answer_detail(&answer, "environment"), ==, "PATH.");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

/* The service stopped while mtr-packet is still starting: those who wait hear of it. */
static void test_stop_at_start(void)
{
    Answer answers[10], answer;
    Fixture fixture;

    fixture_start(&fixture, fake(FAKE_NAME_SILENT));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        start_probe(&answers[i], fixture.root, FAKE_REPLY);
    /* behind them: when it is answered, they have been read */
    call_full(&answer, fixture.root, "org.freedesktop.DBus.Peer", "Ping", NULL);
    call_wait(&answer);
    answer_clear(&answer);

    g_assert_cmpint(fixture_end_service(&fixture, SIGTERM), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_CANCELLED, "stopped");
        answer_clear(&answers[i]);
    }
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
        g_test_add_data_func(starts[i][2], starts[i], test_start);
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_test_add_data_func(numbers[i][2], numbers[i], test_numbers);
    g_test_add_func("/faults/start/long-path", test_long_path);
    g_test_add_func("/faults/start/silent", test_silent);
    for (size_t i = 0; i < G_N_ELEMENTS(losses); i++)
        g_test_add_data_func(losses[i].path, GUINT_TO_POINTER(i), test_loss);
    g_test_add_func("/faults/loss/closed-input", test_closed_input);
    g_test_add_func("/faults/start/deaf", test_deaf);
    g_test_add_func("/faults/loss/other-process", test_other_process);
    g_test_add_func("/faults/loss/pause", test_pause);
    g_test_add_func("/faults/loss/last-words", test_last_words);
    g_test_add_func("/faults/loss/token-twice", test_token_twice);
    g_test_add_func("/faults/results", test_results);
    g_test_add_func("/faults/half", test_half);
    g_test_add_data_func("/faults/burst/one", GINT_TO_POINTER(1), test_burst);
    g_test_add_data_func("/faults/burst/five", GINT_TO_POINTER(5), test_burst);
    g_test_add_data_func("/faults/burst/eight", GINT_TO_POINTER(8), test_burst);
    g_test_add_func("/faults/abandoned", test_abandoned);
    g_test_add_func("/faults/dropped", test_dropped);
    g_test_add_func("/faults/no-reply-expected", test_no_reply_expected);
    g_test_add_data_func("/faults/tether/killed", "fake", test_tether);
    g_test_add_data_func("/faults/tether/end-of-input", NULL, test_tether);
    g_test_add_func("/faults/child", test_child);
    g_test_add_func("/faults/stop-at-start", test_stop_at_start);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
