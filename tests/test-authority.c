/* SPDX-License-Identifier: MIT */

/* Who may probe, as polkit and its rules say, where nobody is asked to authenticate. */

#include <signal.h>
#include <stdio.h>

#include "polkit.h"

/* A trace as a program makes it: all hops at once, and again one by one. */
#define HOPS 30

/* Users besides FIXTURE_OTHER_USER. */
#define STRANGER_UID 4401
#define SMOKEPING_UID 4402
#define PROMETHEUS_UID 4403

/* Without a polkit on the bus only root may; one that comes later has a say. */
static void test_no_polkit(void)
{
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start_bus(&polkit, "return YES;");
    polkit_start_service(&polkit, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);

    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "only root may");
    assert_refused(other, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "only root may");

    polkit_start_daemon(&polkit);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    polkit_end_daemon(&polkit, SIGTERM);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "only root may");

    polkit_traffic_start(&traffic, &polkit.fixture);
    assert_granted(polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(polkit.fixture.root, CALL_INTERACTIVE, "127.0.0.1", "{'mark': <7>}");
    monitor_catch_up(&traffic.monitor, &polkit.fixture);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_questions), ==, 0);
    polkit_traffic_end(&traffic);

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* Nobody has a session here: by default the administrator must authenticate, and who cannot be
 * asked hears why. */
static void test_no_session(void)
{
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start(&polkit, NULL, NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION,
                   "user 4242 may not send probes: authentication is required, and the call does "
                   "not allow to ask for it (polkit action " ACTION_PROBE ")");
    polkit_traffic_assert(&traffic, 1, 0);
    assert_refused(other, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_AUTHENTICATION,
                   "user 4242 may not send probes: authentication is required, and there is no "
                   "agent to ask the user for it (polkit action " ACTION_PROBE ")");
    polkit_traffic_assert(&traffic, 3, 1);

    /* A refusal is not kept. */
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION, "");
    polkit_traffic_assert(&traffic, 4, 1);
    g_assert_cmpuint(get_statistic(polkit.fixture.root, "errors_InteractiveAuthorizationRequired"),
                     ==, 3);
    g_assert_cmpuint(get_statistic(polkit.fixture.root, "probes_sent"), ==, 0);

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* What everybody may needs no question. */
static void test_unasked(void)
{
    static const struct {
        const char *interface, *method, *arguments;
    } calls[] = {
        {SERVICE_INTERFACE, "CheckSupport", "('icmp',)"},
        {"org.freedesktop.DBus.Properties", "GetAll", "('" SERVICE_INTERFACE "',)"},
        {"org.freedesktop.DBus.Properties", "Get", "('" SERVICE_INTERFACE "', 'Statistics')"},
        {"org.freedesktop.DBus.Introspectable", "Introspect", "()"},
        {"org.freedesktop.DBus.Peer", "Ping", "()"},
    };
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;
    Answer answer;

    polkit_start(&polkit, "return NO;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autoptr(GError) error = NULL;
        GVariant *arguments = g_variant_parse(NULL, calls[i].arguments, NULL, NULL, &error);

        g_assert_no_error(error);
        call_full(&answer, other, calls[i].interface, calls[i].method, arguments);
        call_wait(&answer);
        g_assert_cmpstr(answer.message, ==, NULL);
        answer_clear(&answer);
    }
    call_start(&answer, other, "Close", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);
    polkit_traffic_assert(&traffic, 0, 0);

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* Open is asked about as a probe to nowhere: rules tell it by that. */
static void test_open(void)
{
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;
    Answer answer;

    polkit_start(&polkit, "return probe && action.lookup('host') === undefined ? YES : NO;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    call_start(&answer, other, "Open", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    polkit_traffic_assert(&traffic, 1, 0);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_details), ==, 0);
    assert_refused(other, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "polkit says no");
    polkit_traffic_assert(&traffic, 2, 0);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_details), ==, 1);
    call_start(&answer, other, "Close", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);

    /* Refused, it is not open. */
    polkit_set_rules(&polkit, "return NO;");
    for (unsigned i = 0; i < 2; i++) {
        call_start(&answer, other, "Open", NULL);
        call_wait(&answer);
        assert_error(&answer, ERROR_ACCESS_DENIED, "polkit says no");
        answer_clear(&answer);
    }
    call_start(&answer, other, "Close", NULL);
    call_wait(&answer);
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* Of a yes to a host, polkit is asked once. */
static void test_trace(void)
{
    GDBusConnection *other;
    Answer answers[HOPS];
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start(&polkit, "return YES;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    for (int ttl = 1; ttl <= HOPS; ttl++) {
        g_autofree char *options = g_strdup_printf("{'ttl': <%d>}", ttl);

        probe_start(&answers[ttl - 1], other, CALL_QUIET, "127.0.0.1", options);
    }
    for (unsigned i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    /* It does not matter whether the user might be asked. */
    for (int ttl = 1; ttl <= HOPS; ttl++) {
        g_autofree char *options = g_strdup_printf("{'ttl': <%d>}", ttl);

        assert_granted(other, ttl % 2 ? CALL_QUIET : CALL_INTERACTIVE, "127.0.0.1", options);
    }
    polkit_traffic_assert(&traffic, 1, 0);

    /* Another connection is another caller. */
    fixture_disconnect(other);
    other = fixture_connect(FIXTURE_OTHER_UID);
    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    polkit_traffic_assert(&traffic, 2, 0);

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* Rules may decide by host, protocol and mark; a yes to one is none to another. */
static void test_details(void)
{
    static const struct {
        const char *rules;
        const char *host, *options;
        bool granted;
    } rows[] = {
        {"return action.lookup('host') == '127.0.0.1' ? YES : NO;", "127.0.0.1", NULL, true},
        {NULL, "127.0.0.2", NULL, false},
        {NULL, "four.test", NULL, false}, /* as it was given: its address is not known yet */
        {NULL, "127.0.0.1", "{'protocol': <'udp'>, 'mark': <7>, 'ttl': <9>}", true},
        {"return action.lookup('host') == 'four.test' ? YES : NO;", "four.test", NULL, true},
        {NULL, "127.0.0.1", NULL, false},
        {"return action.lookup('protocol') == 'icmp' ? YES : NO;", "127.0.0.1", NULL, true},
        {NULL, "127.0.0.1", "{'protocol': <'udp'>}", false},
        {NULL, "127.0.0.1", "{'protocol': <'tcp'>}", false},
        {NULL, "127.0.0.1", "{'protocol': <'icmp'>, 'size': <99>}", true},
        {"return action.lookup('protocol') == 'udp' ? YES : NO;", "127.0.0.1",
         "{'protocol': <'udp'>}", true},
        {NULL, "127.0.0.1", NULL, false},
        {"return action.lookup('mark') == '0' ? YES : NO;", "127.0.0.1", NULL, true},
        {NULL, "127.0.0.1", "{'mark': <0>}", true},
        {NULL, "127.0.0.1", "{'mark': <7>}", false},
        {NULL, "127.0.0.1", "{'mark': <uint32 4294967295>}", false},
        {"return action.lookup('mark') == '4294967295' ? YES : NO;", "127.0.0.1",
         "{'mark': <uint32 4294967295>}", true},
        {NULL, "127.0.0.1", "{'mark': <7>}", false},
        {NULL, "127.0.0.1", NULL, false},
        {"return subject.user == '" FIXTURE_OTHER_USER "' ? YES : NO;", "127.0.0.1", NULL, true},
        {"return subject.user != '" FIXTURE_OTHER_USER "' ? YES : NO;", "127.0.0.1", NULL, false},
    };
    GDBusConnection *other;
    Polkit polkit;

    polkit_start(&polkit, NULL, NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].rules)
            polkit_set_rules(&polkit, rows[i].rules);
        if (rows[i].granted)
            assert_granted(other, CALL_QUIET, rows[i].host, rows[i].options);
        else
            assert_refused(other, CALL_QUIET, rows[i].host, rows[i].options, ERROR_ACCESS_DENIED,
                           "user 4242 may not send probes: polkit says no");
    }
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* A mark is to be allowed besides the probe. */
static void test_set_mark(void)
{
    static const char marked[] = "{'mark': <7>}";
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start(&polkit, "if (probe) return YES;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    assert_granted(other, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(other, CALL_QUIET, "127.0.0.1", "{'mark': <0>}"); /* which is none */
    polkit_traffic_assert(&traffic, 1, 0);
    assert_refused(other, CALL_QUIET, "127.0.0.1", marked, ERROR_AUTHENTICATION,
                   "user 4242 may not set a routing mark: authentication is required, and the call "
                   "does not allow to ask for it (polkit action " ACTION_SET_MARK ")");
    polkit_traffic_assert(&traffic, 3, 0);

    polkit_set_rules(&polkit, "return action.lookup('mark') == '7' ? YES : NO;");
    assert_granted(other, CALL_QUIET, "127.0.0.1", marked);

    polkit_set_rules(&polkit, "return probe ? YES : NO;");
    assert_refused(other, CALL_QUIET, "127.0.0.1", marked, ERROR_ACCESS_DENIED,
                   "user 4242 may not set a routing mark: polkit says no");

    polkit_set_rules(&polkit, "return probe ? NO : YES;");
    assert_refused(other, CALL_QUIET, "127.0.0.1", marked, ERROR_ACCESS_DENIED,
                   "user 4242 may not send probes: polkit says no");

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* First the arguments are checked, then polkit is asked, and only then is anything done that costs
 * something, or tells of this machine. */
static void test_order(void)
{
    GDBusConnection *other;
    PolkitTraffic traffic;
    Polkit polkit;

    polkit_start(&polkit, "return NO;", NULL);
    polkit_traffic_start(&traffic, &polkit.fixture);
    other = fixture_connect(FIXTURE_OTHER_UID);

    assert_refused(other, CALL_INTERACTIVE, "127.0.0.1", "{'ttl': <0>}", ERROR_INVALID_ARGS, "ttl");
    assert_refused(other, CALL_INTERACTIVE, "no where", NULL, ERROR_INVALID_ARGS, "no where");
    assert_refused(other, CALL_INTERACTIVE, "127.0.0.1", "{'ip_version': <6>}", ERROR_HOST_RESOLVE,
                   "IPv4");
    polkit_traffic_assert(&traffic, 0, 0);

    assert_refused(other, CALL_QUIET, "four.test", NULL, ERROR_ACCESS_DENIED, "polkit says no");
    g_assert_cmpuint(get_statistic(other, "lookups"), ==, 0);
    assert_refused(other, CALL_QUIET, "127.0.0.1", "{'local_ip': <'192.0.2.55'>}",
                   ERROR_ACCESS_DENIED, "polkit says no");
    g_assert_cmpuint(get_statistic(other, "processes_started"), ==, 0);
    polkit_traffic_assert(&traffic, 2, 0);

    polkit_set_rules(&polkit, "return YES;");
    assert_granted(other, CALL_QUIET, "four.test", NULL);
    g_assert_cmpuint(get_statistic(other, "lookups"), ==, 1);
    assert_refused(other, CALL_QUIET, "127.0.0.1", "{'local_ip': <'192.0.2.55'>}",
                   ERROR_INVALID_ARGS, "192.0.2.55");

    polkit_traffic_end(&traffic);
    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/*
 * The examples
 */

static void install_example(Polkit *polkit, const char *name)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_EXAMPLES"), name, NULL);

    polkit_install_rules(polkit, path);
}

static void open_and_close(GDBusConnection *connection)
{
    static const char *const methods[] = {"Open", "Close"};

    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        Answer answer;

        call_start(&answer, connection, methods[i], NULL);
        call_wait(&answer);
        g_assert_cmpstr(answer.message, ==, NULL);
        answer_clear(&answer);
    }
}

static void test_example_group(void)
{
    GDBusConnection *member, *stranger;
    Polkit polkit;
    FILE *group;

    fixture_add_user("mtrpacketd-stranger", STRANGER_UID);
    group = fopen("/etc/group", "a");
    g_assert_nonnull(group);
    fputs("netprobe:x:4400:" FIXTURE_OTHER_USER "\n", group);
    g_assert_cmpint(fclose(group), ==, 0);
    polkit_start(&polkit, NULL, NULL);
    install_example(&polkit, "50-mtrpacketd-group.rules");
    member = fixture_connect(FIXTURE_OTHER_UID);
    stranger = fixture_connect(STRANGER_UID);

    open_and_close(member);
    assert_granted(member, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(member, CALL_QUIET, "::1", "{'protocol': <'udp'>}");
    assert_refused(member, CALL_QUIET, "127.0.0.1", "{'mark': <7>}", ERROR_AUTHENTICATION,
                   ACTION_SET_MARK);
    assert_refused(stranger, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION, ACTION_PROBE);

    fixture_disconnect(member);
    fixture_disconnect(stranger);
    polkit_stop(&polkit);
}

static void test_example_services(void)
{
    GDBusConnection *any, *some, *stranger;
    Polkit polkit;

    /* The addresses in the list are ours then. */
    dig_black_hole();
    fixture_add_user("smokeping", SMOKEPING_UID);
    fixture_add_user("prometheus", PROMETHEUS_UID);
    polkit_start(&polkit, NULL, NULL);
    install_example(&polkit, "50-mtrpacketd-services.rules");
    any = fixture_connect(SMOKEPING_UID);
    some = fixture_connect(PROMETHEUS_UID);
    stranger = fixture_connect(FIXTURE_OTHER_UID);

    open_and_close(any);
    assert_granted(any, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(any, CALL_QUIET, "six.test", NULL);
    assert_refused(any, CALL_QUIET, "127.0.0.1", "{'protocol': <'udp'>}", ERROR_ACCESS_DENIED,
                   "polkit says no");
    assert_refused(any, CALL_QUIET, "127.0.0.1", "{'mark': <7>}", ERROR_AUTHENTICATION,
                   ACTION_SET_MARK);

    open_and_close(some);
    assert_granted(some, CALL_QUIET, "192.0.2.1", NULL);
    assert_granted(some, CALL_QUIET, "2001:db8::1", NULL);
    assert_refused(some, CALL_QUIET, "router.example.net", NULL, ERROR_HOST_RESOLVE, "");
    assert_refused(some, CALL_QUIET, "192.0.2.1", "{'protocol': <'tcp'>}", ERROR_ACCESS_DENIED,
                   "polkit says no");
    assert_refused(some, CALL_QUIET, "192.0.2.2", NULL, ERROR_ACCESS_DENIED, "polkit says no");
    assert_refused(some, CALL_QUIET, "six.test", NULL, ERROR_ACCESS_DENIED, "polkit says no");

    assert_refused(stranger, CALL_QUIET, "192.0.2.1", NULL, ERROR_AUTHENTICATION, ACTION_PROBE);

    fixture_disconnect(any);
    fixture_disconnect(some);
    fixture_disconnect(stranger);
    polkit_stop(&polkit);
    fill_black_hole();
}

static void add_tests(void)
{
    g_test_add_func("/authority/no-polkit", test_no_polkit);
    g_test_add_func("/authority/no-session", test_no_session);
    g_test_add_func("/authority/unasked", test_unasked);
    g_test_add_func("/authority/open", test_open);
    g_test_add_func("/authority/trace", test_trace);
    g_test_add_func("/authority/details", test_details);
    g_test_add_func("/authority/set-mark", test_set_mark);
    g_test_add_func("/authority/order", test_order);
    g_test_add_func("/authority/example/group", test_example_group);
    g_test_add_func("/authority/example/services", test_example_services);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
