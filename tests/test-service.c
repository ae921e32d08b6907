/* SPDX-License-Identifier: MIT */

/* The service against the real mtr-packet, on loopback and into a black hole. */

#include <math.h>
#include <signal.h>
#include <string.h>

#include "fixture.h"

static void test_probe(const void *argument)
{
    const char *const *const row = argument; /* host, options */
    g_autofree char *responder = NULL;
    g_autoptr(GVariant) mpls = NULL;
    gboolean success;
    Fixture fixture;
    Answer answer;
    double time_ms;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, row[0], row[1]);
    assert_result(&answer, "reply");

    g_variant_get(answer.value, "(bsds@a(uyby)a{sv})", &success, NULL, &time_ms, &responder, &mpls,
                  NULL);
    g_assert_true(success);
    g_assert_cmpstr(responder, ==, row[0]);
    g_assert_cmpfloat(time_ms, >, 0);
    g_assert_cmpfloat(time_ms, <, 10000);
    g_assert_cmpuint(g_variant_n_children(mpls), ==, 0);
    g_assert_cmpstr(answer_detail(&answer, "address"), ==, row[0]);

    answer_clear(&answer);
    fixture_stop(&fixture);
}

static const char *const probes[][3] = {
    {"127.0.0.1", NULL, "/service/probe/icmp-4"},
    {"::1", NULL, "/service/probe/icmp-6"},
    {"127.0.0.1", "{'protocol': <'udp'>}", "/service/probe/udp-4"},
    {"::1", "{'protocol': <'udp'>, 'port': <53>}", "/service/probe/udp-6"},
    {"127.0.0.1", "{'protocol': <'udp'>, 'port': <uint16 53>, 'local_port': <uint64 5353>}",
     "/service/probe/udp-ports-4"},
    {"127.0.0.1", "{'protocol': <'tcp'>, 'port': <uint32 9>}", "/service/probe/tcp-4"},
    {"::1", "{'protocol': <'tcp'>}", "/service/probe/tcp-6"},
    {"127.0.0.1",
     "{'ttl': <byte 0x01>, 'size': <int64 9000>, 'bit_pattern': <int16 255>, 'tos': <8>, "
     "'timeout': <60.0>, 'ip_version': <4>}",
     "/service/probe/all-options-4"},
    {"::1", "{'ttl': <255>, 'size': <0>, 'bit_pattern': <0>, 'tos': <255>, 'timeout': <1>}",
     "/service/probe/all-options-6"},
};

static void write_hosts(const char *text)
{
    g_assert_true(g_file_set_contents("/etc/hosts", text, -1, NULL));
}

/* Names: of either version, and the same for a while for the same caller, whatever happens to the
 * name. */
static void test_names(void)
{
    static const struct {
        const char *host, *options, *address;
    } cases[] = {
        {"four.test", NULL, "127.0.0.1"},
        {"six.test", "{'protocol': <'tcp'>}", "::1"},
        {"both.test", "{'ip_version': <4>}", "127.0.0.1"},
        {"both.test", "{'ip_version': <6>}", "::1"},
        {"four.test",
         "{'ip_version': <4>, 'protocol': <'udp'>, 'port': <53>, 'local_port': <5353>}",
         "127.0.0.1"},
    };
    g_autofree char *hosts = NULL;
    GDBusConnection *other;
    Answer answers[30], answer;
    Fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        probe_wait(&answer, fixture.root, cases[i].host, cases[i].options);
        assert_result(&answer, "reply");
        g_assert_cmpstr(answer_detail(&answer, "address"), ==, cases[i].address);
        answer_clear(&answer);
    }

    g_assert_true(g_file_get_contents("/etc/hosts", &hosts, NULL, NULL));
    write_hosts("127.0.0.2 four.test\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        call_start(&answers[i], fixture.root, "Probe", probe_arguments("four.test", NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        call_wait(&answers[i]);
        g_assert_cmpstr(answer_detail(&answers[i], "address"), ==, "127.0.0.1");
        answer_clear(&answers[i]);
    }
    other = fixture_connect(0);
    probe_wait(&answer, other, "four.test", NULL);
    g_assert_cmpstr(answer_detail(&answer, "address"), ==, "127.0.0.2");
    answer_clear(&answer);

    write_hosts(hosts);
    fixture_disconnect(other);
    fixture_stop(&fixture);
}

/* A DNS server that never answers delays no probe by address, nor a stop. */
static void test_names_hang(void)
{
    g_autoptr(GSocket) server = NULL;
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string("127.0.0.1", 53);
    Answer hanging[10], answer;
    Fixture fixture;

    server =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
    g_assert_true(g_socket_bind(server, address, FALSE, NULL));

    fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++) {
        g_autofree char *host = g_strdup_printf("host%u.hangs.test", i);

        call_start(&hanging[i], fixture.root, "Probe", probe_arguments(host, NULL));
    }
    for (unsigned i = 0; i < 100; i++) {
        probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
        assert_result(&answer, "reply");
        answer_clear(&answer);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++)
        g_assert_false(hanging[i].done);
    g_assert_cmpuint(get_number(fixture.root, "ProbesQueued"), ==, G_N_ELEMENTS(hanging));

    g_assert_cmpint(fixture_end_service(&fixture, SIGTERM), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++) {
        call_wait(&hanging[i]);
        assert_error(&hanging[i], ERROR_CANCELLED, "stopped");
        answer_clear(&hanging[i]);
    }
    fixture_stop(&fixture);
}

/* What mtr-packet itself refuses is a result, with its reason. */
static void test_refused_by_packet(void)
{
    Fixture fixture;
    Answer answer;
    double time_ms;

    fixture_start(&fixture, NULL);

    /* the kernel here may have SCTP: then the answer is no refusal */
    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "sctp"));
    call_wait(&answer);
    if (g_variant_equal(answer.value, g_variant_new("(b)", FALSE))) {
        answer_clear(&answer);
        probe_wait(&answer, fixture.root, "127.0.0.1", "{'protocol': <'sctp'>}");
        assert_result(&answer, "invalid-argument");
        g_assert_cmpstr(answer_detail(&answer, "reason"), ==, "protocol-not-supported");
    }
    answer_clear(&answer);

    /* no route: there is only loopback here */
    probe_wait(&answer, fixture.root, "192.0.2.1", "{'timeout': <1>}");
    g_assert_null(answer.error);
    g_variant_get_child(answer.value, 2, "d", &time_ms);
    g_assert_true(isnan(time_ms));
    g_assert_cmpstr(answer_detail(&answer, "address"), ==, "192.0.2.1");
    answer_clear(&answer);

    fixture_stop(&fixture);
}

/* The service's own refusals: named errors that say what was wrong, and the service is as it was.
 */
static void test_refused(void)
{
    static const struct {
        const char *host, *options, *error, *part;
    } cases[] = {
        {"", NULL, ERROR_INVALID_ARGS, "host is empty"},
        {"127.0.0.1 ttl 1", NULL, ERROR_INVALID_ARGS,
         "\"127.0.0.1 ttl 1\" is neither an address nor a name"},
        {"127.0.0.1\n2 send-probe", NULL, ERROR_INVALID_ARGS, "\\x0a"},
        {"fe80::1%lo", NULL, ERROR_NOT_SUPPORTED, "interface"},
        {"six-only.test", "{'ip_version': <4>}", ERROR_HOST_RESOLVE,
         "host \"six-only.test\" has no IPv4 address"},
        {"nowhere.test", NULL, ERROR_HOST_RESOLVE, "host \"nowhere.test\" has no address"},
        {"multicast.test", NULL, ERROR_INVALID_ARGS, "multicast"},
        {"six.test", "{'protocol': <'udp'>, 'port': <53>, 'local_port': <5353>}",
         ERROR_NOT_SUPPORTED, "port (53)"},
        {"224.0.0.1", NULL, ERROR_INVALID_ARGS, "multicast"},
        {"::ffff:127.0.0.1", NULL, ERROR_INVALID_ARGS, "IPv6"},
        {"127.0.0.1", "{'ip_version': <6>}", ERROR_HOST_RESOLVE, "127.0.0.1"},
        {"127.0.0.1", "{'ttl': <256>}", ERROR_INVALID_ARGS, "ttl is 256, an integer from 1 to 255"},
        {"127.0.0.1", "{'ttl': <'1'>}", ERROR_INVALID_ARGS, "ttl has a value of D-Bus type 's'"},
        {"127.0.0.1", "{'Ttl': <1>}", ERROR_INVALID_ARGS, "\"Ttl\" is unknown"},
        {"127.0.0.1", "{'ttl': <1>, 'ttl': <2>}", ERROR_INVALID_ARGS, "ttl is given twice"},
        {"127.0.0.1", "{'port': <53>}", ERROR_INVALID_ARGS, "port is 53, but protocol is \"icmp\""},
        {"127.0.0.1", "{'timeout': <60.5>}", ERROR_INVALID_ARGS, "timeout is 60.5"},
        {"127.0.0.1", "{'timeout': <-0.5>}", ERROR_INVALID_ARGS, "timeout is -0.5"},
        {"127.0.0.1", "{'mark': <-1>}", ERROR_INVALID_ARGS, "mark is -1"},
        {"127.0.0.1", "{'local_ip': <'::1'>}", ERROR_INVALID_ARGS,
         "local_ip is ::1, but the probe goes to an IPv4"},
        {"six.test", "{'local_ip': <'127.0.0.1'>}", ERROR_INVALID_ARGS,
         "local_ip is 127.0.0.1, but"},
        {"::1", "{'protocol': <'udp'>, 'port': <53>, 'local_port': <5353>}", ERROR_NOT_SUPPORTED,
         "port (53) and local_port (5353)"},
    };
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        probe_wait(&answer, fixture.root, cases[i].host, cases[i].options);
        assert_error(&answer, cases[i].error, cases[i].part);
        answer_clear(&answer);
    }

    /* Nothing of this has started mtr-packet: the bus and the service are all there is. */
    g_assert_cmpuint(fixture_processes(&fixture), ==, 2);

    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static void test_check_support(void)
{
    static const struct {
        const char *feature;
        gboolean supported;
    } cases[] = {{"send-probe", TRUE},
                 {"ip-4", TRUE},
                 {"ip-6", TRUE},
                 {"icmp", TRUE},
                 {"udp", TRUE},
                 {"tcp", TRUE},
                 {"nonsense", FALSE},
                 {"version", FALSE},
                 {"nonsense", FALSE},
                 {"mark", TRUE},
                 {"mark", TRUE},
                 /* as long as a name may be */
                 {"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", FALSE}};
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        gboolean supported;

        call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", cases[i].feature));
        call_wait(&answer);
        g_assert_null(answer.error);
        g_variant_get(answer.value, "(b)", &supported);
        g_assert_cmpint(supported, ==, cases[i].supported);
        answer_clear(&answer);
    }

    call_start(&answer, fixture.root, "CheckSupport",
               g_variant_new("(s)", "x\n1 send-probe ip-4 127.0.0.1"));
    call_wait(&answer);
    assert_error(&answer, ERROR_INVALID_ARGS, "\"x\\x0a1 send-probe ip-4 127.0.0.1\"");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

#define MANY 100

/* As many at once as a bus lets a connection have waiting, or nearly: every one gets its own
 * answer. */
static void test_hundred(void)
{
    Fixture fixture;
    Answer answers[MANY];

    fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < MANY; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%u", i + 1);

        call_start(&answers[i], fixture.root, "Probe", probe_arguments(host, NULL));
    }
    for (unsigned i = 0; i < MANY; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%u", i + 1);
        const char *responder;

        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        g_variant_get_child(answers[i].value, 3, "&s", &responder);
        g_assert_cmpstr(responder, ==, host);
        g_assert_cmpstr(answer_detail(&answers[i], "address"), ==, host);
        answer_clear(&answers[i]);
    }
    fixture_stop(&fixture);
}

static void allow_nonlocal_bind(bool allow)
{
    g_assert_true(g_file_set_contents_full("/proc/sys/net/ipv4/ip_nonlocal_bind", allow ? "1" : "0",
                                           1, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
    g_assert_true(g_file_set_contents_full("/proc/sys/net/ipv6/ip_nonlocal_bind", allow ? "1" : "0",
                                           1, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
}

/* The source address: one of this machine's is taken, any other is refused, whatever the kernel
 * lets sockets bind to. */
static void test_local_ip(void)
{
    static const char *const protocols[] = {"icmp", "udp", "tcp"};
    static const struct {
        const char *host, *local_ip;
    } own[] = {{"127.0.0.1", "127.0.0.1"},
               {"127.0.0.1", "127.9.9.9"},
               {"192.0.2.1", "192.0.2.1"},
               {"127.0.0.1", "192.0.2.1"},
               {"::1", "::1"},
               {"2001:db8::1", "2001:db8::1"}};
    static const struct {
        const char *host, *local_ip;
    } foreign[] = {{"192.0.2.2", "9.9.9.9"},         {"192.0.2.2", "192.0.2.2"},
                   {"192.0.2.2", "224.0.0.1"},       {"192.0.2.2", "0.0.0.0"},
                   {"192.0.2.2", "192.0.2.255"},     {"192.0.2.2", "192.0.2.0"},
                   {"192.0.2.2", "255.255.255.255"}, {"127.0.0.1", "127.255.255.255"},
                   {"2001:db8::2", "2001:db8::2"},   {"2001:db8::2", "2001:db8:9::9"},
                   {"2001:db8::2", "2001:db8::"},    {"2001:db8::2", "::ffff:192.0.2.1"}};
    GDBusConnection *other;
    Fixture fixture;
    Answer answer;

    dig_black_hole();
    fixture_start(&fixture, NULL);
    for (unsigned nonlocal = 0; nonlocal <= 1; nonlocal++) {
        allow_nonlocal_bind(nonlocal);
        for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
            for (unsigned i = 0; i < G_N_ELEMENTS(own); i++) {
                g_autofree char *options = g_strdup_printf(
                    "{'protocol': <'%s'>, 'local_ip': <'%s'>}", protocols[p], own[i].local_ip);

                probe_wait(&answer, fixture.root, own[i].host, options);
                assert_result(&answer, "reply");
                answer_clear(&answer);
            }
            for (unsigned i = 0; i < G_N_ELEMENTS(foreign); i++) {
                g_autofree char *options = g_strdup_printf(
                    "{'protocol': <'%s'>, 'local_ip': <'%s'>}", protocols[p], foreign[i].local_ip);

                probe_wait(&answer, fixture.root, foreign[i].host, options);
                assert_error(&answer, ERROR_INVALID_ARGS, "address of this machine is expected");
                answer_clear(&answer);
            }
        }
    }
    allow_nonlocal_bind(false);

    /* Who may not probe does not have us look at all addresses. */
    other = fixture_connect(FIXTURE_OTHER_UID);
    probe_wait(&answer, other, "127.0.0.1", "{'local_ip': <'9.9.9.9'>}");
    assert_error(&answer, ERROR_ACCESS_DENIED, "4242");
    answer_clear(&answer);
    fixture_disconnect(other);
    fixture_stop(&fixture);
    fill_black_hole();
}

#define SILENT 90

/* ICMP has a process of its own; UDP and TCP share one, and have never two. Each is started when it
 * is needed. */
static void test_processes(void)
{
    static const struct {
        const char *options;
        unsigned n_processes;
    } probes_in_turn[] = {
        {NULL, 1},
        {"{'protocol': <'icmp'>}", 1},
        {"{'protocol': <'tcp'>}", 2},
        {"{'protocol': <'udp'>}", 2},
        {NULL, 2},
    };
    GPid children[4];
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(probes_in_turn); i++) {
        probe_wait(&answer, fixture.root, i % 2 ? "::1" : "127.0.0.1", probes_in_turn[i].options);
        assert_result(&answer, "reply");
        answer_clear(&answer);
        g_assert_cmpuint(process_children(fixture.service_pid, children, 4), ==,
                         probes_in_turn[i].n_processes);
    }
    fixture_stop(&fixture);
}

/* A caller that leaves takes its requests along: the others and the service go on. */
static void test_caller_leaves(void)
{
    GDBusConnection *leaver;
    Answer silent[SILENT], answer;
    Fixture fixture;

    dig_black_hole();
    fixture_start(&fixture, NULL);

    leaver = fixture_connect(0);
    for (unsigned i = 0; i < SILENT; i++)
        call_start(&silent[i], leaver, "Probe", probe_arguments("192.0.2.2", "{'timeout': <1>}"));
    call_start(&answer, leaver, "Probe", probe_arguments("127.0.0.1", NULL));
    call_wait(&answer); /* the silent ones are in mtr-packet now */
    answer_clear(&answer);
    fixture_disconnect(leaver);
    for (unsigned i = 0; i < SILENT; i++) {
        call_wait(&silent[i]); /* GDBus's own error */
        answer_clear(&silent[i]);
    }

    /* Longer than theirs: mtr-packet answers them, who have nobody, while this one waits. */
    probe_wait(&answer, fixture.root, "192.0.2.2", "{'timeout': <2>}");
    assert_result(&answer, "no-reply");
    answer_clear(&answer);

    fixture_stop(&fixture);
    fill_black_hole();
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path,
                      const char *interface, const char *signal, GVariant *parameters,
                      void *userdata)
{
    *(GVariant **)userdata = g_variant_ref(parameters);
}

static void test_properties(void)
{
    static const char *const features[] = {"send-probe", "ip-4", "ip-6", "icmp", "udp", "tcp"};
    g_autoptr(GVariant) version = NULL, packet_version = NULL, old_packet_version = NULL,
                        old_features = NULL, new_features = NULL, changed = NULL, values = NULL;
    g_autofree const char **names = NULL;
    const char *interface, *announced;
    Fixture fixture;
    Answer answer;
    unsigned subscription;

    fixture_start(&fixture, NULL);
    subscription = g_dbus_connection_signal_subscribe(
        fixture.root, SERVICE_NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        SERVICE_PATH, SERVICE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, &changed, NULL);

    version = get_property(fixture.root, "Version");
    g_assert_cmpstr(g_variant_get_string(version, NULL), ==, g_getenv("TEST_VERSION"));
    old_packet_version = get_property(fixture.root, "PacketVersion");
    g_assert_cmpstr(g_variant_get_string(old_packet_version, NULL), ==, "");
    old_features = get_property(fixture.root, "Features");
    g_assert_cmpuint(g_variant_n_children(old_features), ==, 0);

    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);

    packet_version = get_property(fixture.root, "PacketVersion");
    g_assert_cmpstr(g_variant_get_string(packet_version, NULL), !=, "");
    new_features = get_property(fixture.root, "Features");
    names = g_variant_get_strv(new_features, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
        g_assert_true(g_strv_contains(names, features[i]));

    /* The signal left before the probe's answer, and so is here. */
    g_assert_nonnull(changed);
    g_variant_get(changed, "(&s@a{sv}as)", &interface, &values, NULL);
    g_assert_cmpstr(interface, ==, SERVICE_INTERFACE);
    g_assert_true(g_variant_lookup(values, "PacketVersion", "&s", &announced));
    g_assert_cmpstr(announced, ==, g_variant_get_string(packet_version, NULL));
    g_assert_true(g_variant_lookup(values, "Features", "as", NULL));

    g_dbus_connection_signal_unsubscribe(fixture.root, subscription);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++)
        g_test_add_data_func(probes[i][2], probes[i], test_probe);
    g_test_add_func("/service/names/hosts", test_names);
    g_test_add_func("/service/names/hang", test_names_hang);
    g_test_add_func("/service/refused-by-packet", test_refused_by_packet);
    g_test_add_func("/service/refused", test_refused);
    g_test_add_func("/service/check-support", test_check_support);
    g_test_add_func("/service/hundred", test_hundred);
    g_test_add_func("/service/local-ip", test_local_ip);
    g_test_add_func("/service/processes", test_processes);
    g_test_add_func("/service/caller-leaves", test_caller_leaves);
    g_test_add_func("/service/properties", test_properties);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
