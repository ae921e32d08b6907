/* SPDX-License-Identifier: MIT */

/* The service on a network: what comes back from routers, targets and nowhere, and that it comes to
 * the caller whose probe it is an answer to. */

#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "network-pair.h"
#include "tun.h"

static const Pair tun_router = {TUN_ROUTER_4, TUN_ROUTER_6};

static const char *const protocols[] = {"icmp", "udp", "tcp"};

/* Checks a result as a whole: the time and the success go with the word, and @responder is NULL for
 * none. */
static void assert_answer(const Answer *answer, const char *result, const char *responder)
{
    const char *shown;
    gboolean success;
    double time_ms;

    assert_result(answer, result);
    g_variant_get(answer->value, "(b&sd&s@a(uyby)a{sv})", &success, NULL, &time_ms, &shown, NULL,
                  NULL);
    g_assert_cmpstr(shown, ==, responder ? responder : "");
    g_assert_cmpint(success, ==, strcmp(result, "reply") == 0);
    if (responder)
        g_assert_cmpfloat(time_ms, >, 0);
    else
        g_assert_true(isnan(time_ms));
}

/* FORMAT makes the options, without their braces. */
static void probe_start(Answer *answer, GDBusConnection *caller, const char *host,
                        const char *format, ...) G_GNUC_PRINTF(4, 5);

static void probe_start(Answer *answer, GDBusConnection *caller, const char *host,
                        const char *format, ...)
{
    g_autofree char *entries = NULL, *options = NULL;
    va_list arguments;

    va_start(arguments, format);
    entries = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    options = g_strdup_printf("{%s}", entries);
    call_start(answer, caller, "Probe", probe_arguments(host, options));
}

/* Waits for the answer, which is to be this one. */
static void probe_expect(Answer *answer, const char *result, const char *responder)
{
    call_wait(answer);
    assert_answer(answer, result, responder);
    answer_clear(answer);
}

/*
 * Hops
 */

static const char *const kinds[] = {
    "'protocol': <'icmp'>",
    "'protocol': <'udp'>",
    "'protocol': <'udp'>, 'port': <53>",
    "'protocol': <'tcp'>, 'port': <" G_STRINGIFY(NETWORK_OPEN_PORT) ">",
    "'protocol': <'tcp'>, 'port': <" G_STRINGIFY(NETWORK_CLOSED_PORT) ">",
};

#define TTLS 4

/* Each router says where it is, and the target that it was reached. */
static void test_hops(void)
{
    const Pair hops[TTLS] = {router1, router2, target, target};
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        Answer probes[G_N_ELEMENTS(ip_versions)][TTLS];

        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned i = 0; i < TTLS; i++)
                probe_start(&probes[v][i], fixture.root, of(target, ip_versions[v]),
                            "%s, 'ttl': <%u>", kinds[k], i + 1);
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned i = 0; i < TTLS; i++) {
                call_wait(&probes[v][i]);
                g_assert_cmpstr(answer_detail(&probes[v][i], "address"), ==,
                                of(target, ip_versions[v]));
                probe_expect(&probes[v][i], i < 2 ? "ttl-expired" : "reply",
                             of(hops[i], ip_versions[v]));
            }
    }
    fixture_stop(&fixture);
    network_down();
}

/* On the way to a black hole the routers answer, and there nobody does. */
static void test_black_hole(void)
{
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        Answer probes[G_N_ELEMENTS(ip_versions)][TTLS];

        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned i = 0; i < TTLS; i++)
                probe_start(&probes[v][i], fixture.root, of(hole, ip_versions[v]),
                            "%s, 'ttl': <%u>, 'timeout': <%s>", kinds[k], i + 1,
                            i < 2 ? "10" : "0.5");
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
            probe_expect(&probes[v][0], "ttl-expired", of(router1, ip_versions[v]));
            probe_expect(&probes[v][1], "ttl-expired", of(router2, ip_versions[v]));
            for (unsigned i = 2; i < TTLS; i++)
                probe_expect(&probes[v][i], "no-reply", NULL);
        }
    }
    fixture_stop(&fixture);
    network_down();
}

/*
 * Label stacks
 */

#define ONE "[(16000, 0x05, true, 0x01)]"
#define ONE_JSON "[[16000,5,true,1]]"

static const struct {
    TunAnswer answer;
    const char *stack, *json;
} stacks[] = {
    {TUN_NO_EXTENSION, "[]", "[]"},
    {TUN_ONE_LABEL, ONE, ONE_JSON},
    {TUN_FOUR_LABELS,
     "[(1048575, 0x07, false, 0xff), (16, 0x00, false, 0x01), (0, 0x03, false, 0x40), "
     "(524288, 0x04, true, 0x00)]",
     "[[1048575,7,false,255],[16,0,false,1],[0,3,false,64],[524288,4,true,0]]"},
    {TUN_INTERFACE_FIRST, ONE, ONE_JSON},
    {TUN_INTERFACE_LAST, ONE, ONE_JSON},
    {TUN_INTERFACE_ONLY, "[]", "[]"},
    {TUN_OTHER_TYPE, "[]", "[]"},
    {TUN_LONG_OBJECT, "[]", "[]"},
    {TUN_SHORT_OBJECT, "[]", "[]"},
    {TUN_CUT_STACK, "[]", "[]"},
    {TUN_CUT_OBJECT, "[]", "[]"},
    {TUN_CUT_EXTENSION, "[]", "[]"},
};
G_STATIC_ASSERT(G_N_ELEMENTS(stacks) == TUN_N_ANSWERS);

/* Waits for the answer, which is to be the TUN device's with this label stack. */
static void probe_expect_stack(Answer *answer, int ip_version, const char *stack)
{
    g_autoptr(GVariant) mpls = NULL;
    g_autofree char *text = NULL;

    call_wait(answer);
    assert_answer(answer, "ttl-expired", of(tun_router, ip_version));
    mpls = g_variant_get_child_value(answer->value, 4);
    text = g_variant_print(mpls, FALSE);
    g_assert_cmpstr(text, ==, stack);
    answer_clear(answer);
}

/* The label stack of a time-exceeded is in the result, to the bit, whatever is beside it; from one
 * that is damaged nothing is made up, and the rest of the result is right. */
static void test_labels(void)
{
    GPid before[4], after[4];
    Fixture fixture;
    Answer probe;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
        probe_start(&probe, fixture.root, "127.0.0.1", "'protocol': <'%s'>", protocols[p]);
        probe_expect(&probe, "reply", "127.0.0.1");
    }
    g_assert_cmpuint(process_children(fixture.service_pid, before, 4), ==, 2);

    for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
        Answer probes[G_N_ELEMENTS(ip_versions)][G_N_ELEMENTS(stacks)];

        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned i = 0; i < G_N_ELEMENTS(stacks); i++)
                probe_start(&probes[v][i], fixture.root,
                            tun_address(stacks[i].answer, ip_versions[v]), "'protocol': <'%s'>",
                            protocols[p]);
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned i = 0; i < G_N_ELEMENTS(stacks); i++)
                probe_expect_stack(&probes[v][i], ip_versions[v], stacks[i].stack);
    }

    /* None of it was too much for mtr-packet. */
    g_assert_cmpuint(process_children(fixture.service_pid, after, 4), ==, 2);
    g_assert_cmpint(after[0], ==, before[0]);
    g_assert_cmpint(after[1], ==, before[1]);
    fixture_stop(&fixture);
    tun_free(tun);
}

/* A probe of more bytes than a router quotes, or fewer, has its label stack like any other. */
static void test_labels_sizes(void)
{
    static const int sizes[] = {0, 127, 128, 129, 136, 148, 168, 500, 1500};
    Answer probes[G_N_ELEMENTS(ip_versions)][2][G_N_ELEMENTS(sizes)];
    Fixture fixture;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
        for (unsigned p = 0; p < 2; p++)
            for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
                probe_start(&probes[v][p][i], fixture.root,
                            tun_address(TUN_ONE_LABEL, ip_versions[v]),
                            "'protocol': <'%s'>, 'size': <%d>, 'bit_pattern': <0x20>", protocols[p],
                            sizes[i]);
    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
        for (unsigned p = 0; p < 2; p++)
            for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
                probe_expect_stack(&probes[v][p][i], ip_versions[v], ONE);
    fixture_stop(&fixture);
    tun_free(tun);
}

/* The same as it gets to who calls busctl. */
static void test_labels_busctl(void)
{
    g_autoptr(GRegex) time = g_regex_new("\"ttl-expired\",[0-9][0-9.e+-]*,", 0, 0, NULL);
    Fixture fixture;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
        for (unsigned i = 0; i < G_N_ELEMENTS(stacks); i++) {
            const char *address = tun_address(stacks[i].answer, ip_versions[v]);
            const char *const argv[] = {"busctl",     "--json=short",
                                        "call",       SERVICE_NAME,
                                        SERVICE_PATH, SERVICE_INTERFACE,
                                        "Probe",      "sa{sv}",
                                        address,      "1",
                                        "ttl",        "y",
                                        "4",          NULL};
            g_autofree char *out = NULL, *timeless = NULL, *expected = NULL;

            g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
            timeless = g_regex_replace_literal(time, out, -1, 0, "\"ttl-expired\",TIME,", 0, NULL);
            expected = g_strdup_printf(
                "{\"type\":\"bsdsa(uyby)a{sv}\",\"data\":[false,\"ttl-expired\",TIME,\"%s\",%s,"
                "{\"address\":{\"type\":\"s\",\"data\":\"%s\"}}]}\n",
                of(tun_router, ip_versions[v]), stacks[i].json, address);
            g_assert_cmpstr(timeless, ==, expected);
        }
    fixture_stop(&fixture);
    tun_free(tun);
}

/*
 * Late replies
 */

#define LATE 10

/* Replies that come late, and in another order than the probes went, each find their own. Those
 * that come after the timeout find nobody. */
static void test_late(void)
{
    Answer probes[G_N_ELEMENTS(ip_versions)][LATE], probe;
    Fixture fixture;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
        const char *too_late = tun_late_address(LATE, ip_versions[v]);

        probe_start(&probe, fixture.root, too_late, "'timeout': <0.1>");
        probe_expect(&probe, "no-reply", NULL);
        tun_wait_held(tun, too_late, 1);
        for (unsigned i = 0; i < LATE; i++)
            probe_start(&probes[v][i], fixture.root, tun_late_address(i, ip_versions[v]),
                        "'timeout': <60>");
        for (unsigned i = 0; i < LATE; i++)
            tun_wait_held(tun, tun_late_address(i, ip_versions[v]), 1);
        g_assert_cmpuint(tun_release(tun, too_late), ==, 1);
    }

    for (unsigned i = LATE; i-- > 0;)
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
            const char *host = tun_late_address(i, ip_versions[v]);

            g_assert_false(probes[v][i].done);
            g_assert_cmpuint(tun_release(tun, host), ==, 1);
            probe_expect(&probes[v][i], "reply", host);
        }
    fixture_stop(&fixture);
    tun_free(tun);
}

/*
 * Source addresses
 */

/* What nft calls a protocol. */
static const char *nft_protocol(const char *protocol, int ip_version)
{
    /* a number: not every machine has a list of their names */
    return ip_version == 6 && strcmp(protocol, "icmp") == 0 ? "58" : protocol;
}

/* An address that is not this machine's is refused, and nothing leaves with it; one that is, is the
 * source of what leaves. */
static void test_local_ip(void)
{
    static const struct {
        const char *name, *local_ip;
    } foreign[] = {{"elsewhere", "9.9.9.9"},
                   {"multicast", "224.0.0.1"},
                   {"unspecified", "0.0.0.0"},
                   {"broadcast", NETWORK_BROADCAST},
                   /* this machine's, but nobody else's business */
                   {"loopback", "127.0.0.1"}};
    static const Pair second = {NETWORK_SECOND_4, NETWORK_SECOND_6};
    static const Pair source = {"ip saddr", "ip6 saddr"}, destination = {"ip daddr", "ip6 daddr"};
    Fixture fixture;
    Answer answer;
    Answer probe;

    network_up();
    fixture_start(&fixture, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(foreign); i++)
        network_count_start(foreign[i].name, "ip saddr %s", foreign[i].local_ip);
    for (unsigned nonlocal = 0; nonlocal <= 1; nonlocal++) {
        network_sysctl("ipv4/ip_nonlocal_bind", nonlocal ? "1" : "0");
        for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++)
            for (unsigned i = 0; i < G_N_ELEMENTS(foreign); i++) {
                g_autofree char *options =
                    g_strdup_printf("{'protocol': <'%s'>, 'local_ip': <'%s'>, 'timeout': <1>}",
                                    protocols[p], foreign[i].local_ip);

                probe_wait(&answer, fixture.root, NETWORK_TARGET_4, options);
                assert_error(&answer, ERROR_INVALID_ARGS, foreign[i].local_ip);
                answer_clear(&answer);
            }
    }

    probe_wait(&answer, fixture.root, NETWORK_TARGET_6, "{'local_ip': <'::1'>}");
    assert_error(&answer, ERROR_INVALID_ARGS, "must not leave this machine");
    answer_clear(&answer);
    probe_wait(&answer, fixture.root, "odd.test", "{'local_ip': <'127.0.0.1'>}");
    assert_error(&answer, ERROR_INVALID_ARGS, "goes to 192.0.2.77");
    answer_clear(&answer);

    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
        for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
            int version = ip_versions[v];
            g_autofree char *name = g_strdup_printf("%s%d", protocols[p], version);

            network_count_start(name, "%s %s %s %s meta l4proto %s", of(source, version),
                                of(second, version), of(destination, version), of(target, version),
                                nft_protocol(protocols[p], version));
            probe_start(&probe, fixture.root, of(target, version),
                        "'protocol': <'%s'>, 'local_ip': <'%s'>", protocols[p],
                        of(second, version));
            probe_expect(&probe, "reply", of(target, version));
            g_assert_cmpuint(network_count(name), >=, 1); /* TCP has more than one packet */
        }
    network_sysctl("ipv4/ip_nonlocal_bind", "0");
    for (unsigned i = 0; i < G_N_ELEMENTS(foreign); i++)
        g_assert_cmpuint(network_count(foreign[i].name), ==, 0);

    probe_wait(&answer, fixture.root, NETWORK_SECOND_4, "{'local_ip': <'127.0.0.1'>}");
    assert_answer(&answer, "reply", NETWORK_SECOND_4);
    answer_clear(&answer);
    fixture_stop(&fixture);
    network_down();
}

static void host_run(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    g_assert_cmpint(fixture_command((const char *const *)argv, NULL, NULL), ==, 0);
}

/* An address that may be a duplicate cannot be bound: with TCP mtr-packet would try all its ports.
 * It stays so here, on an interface that is down. */
static void test_local_ip_tentative(void)
{
    Fixture fixture;
    Answer answer;

    network_up();
    host_run("ip link add idle type veth peer name idle-end");
    network_sysctl("ipv6/conf/idle/accept_dad", "1");
    network_sysctl("ipv6/conf/idle/dad_transmits", "1");
    host_run("ip address add 2001:db8:8::1/128 dev idle");
    fixture_start(&fixture, NULL);

    for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
        g_autofree char *options =
            g_strdup_printf("{'protocol': <'%s'>, 'local_ip': <'2001:db8:8::1'>}", protocols[p]);

        probe_wait(&answer, fixture.root, NETWORK_TARGET_6, options);
        assert_error(&answer, ERROR_INVALID_ARGS, "2001:db8:8::1, which is not in use");
        answer_clear(&answer);
    }

    fixture_stop(&fixture);
    host_run("ip link del idle");
    network_down();
}

/*
 * Two callers at once
 */

#define MANY 90

/* Two callers trace at once: the probes of one all end at the first router, those of the other are
 * never answered. No answer to one is taken for one to the other. */
static void trace_twice(int ip_version, const char *short_options, const char *lost_host,
                        const char *lost_options)
{
    Answer short_probes[MANY], lost_probes[MANY];
    GDBusConnection *other;
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    other = fixture_connect(0);
    for (unsigned i = 0; i < MANY; i++) {
        probe_start(&lost_probes[i], other, lost_host, "%s, 'ttl': <64>", lost_options);
        probe_start(&short_probes[i], fixture.root, of(target, ip_version), "%s, 'ttl': <1>",
                    short_options);
    }
    for (unsigned i = 0; i < MANY; i++)
        probe_expect(&short_probes[i], "ttl-expired", of(router1, ip_version));
    for (unsigned i = 0; i < MANY; i++)
        probe_expect(&lost_probes[i], "no-reply", NULL);
    fixture_disconnect(other);
    fixture_stop(&fixture);
    network_down();
}

static void test_trace_tcp(const void *argument)
{
    int ip_version = GPOINTER_TO_INT(argument);

    trace_twice(ip_version, "'protocol': <'tcp'>", of(hole, ip_version),
                "'protocol': <'tcp'>, 'timeout': <2>");
}

/*
 * Marks
 */

static const Pair detour = {NETWORK_DETOUR_4, NETWORK_DETOUR_6};

#define MARK "'mark': <uint32 " G_STRINGIFY(NETWORK_MARK) ">"

/* Marked and unmarked UDP to the same port of the same target: only the way differs. */
static void test_trace_udp_marked(const void *argument)
{
    int ip_version = GPOINTER_TO_INT(argument);

    trace_twice(ip_version, "'protocol': <'udp'>, 'port': <53>", of(target, ip_version),
                "'protocol': <'udp'>, 'port': <53>, 'timeout': <1>, " MARK);
}

/* Counts the probes to the target, and not what else belongs to a TCP connection. */
static void count_probes(const char *name, const char *protocol, int ip_version, const char *marks)
{
    static const Pair destination = {"ip daddr", "ip6 daddr"};

    network_count_start(name, "%s %s meta l4proto %s %s meta mark %s", of(destination, ip_version),
                        of(target, ip_version), nft_protocol(protocol, ip_version),
                        strcmp(protocol, "tcp") == 0 ? "tcp flags & (syn | ack) == syn" : "",
                        marks);
}

/* TCP may send a probe again by itself. */
static void assert_count(const char *name, const char *protocol, unsigned n)
{
    if (strcmp(protocol, "tcp") == 0)
        g_assert_cmpuint(network_count(name), >=, n);
    else
        g_assert_cmpuint(network_count(name), ==, n);
}

#define SOME 5

/* Two callers send probes with the options that are theirs, to both versions of the target, and see
 * by the responder which way they went. */
static void send_some(GDBusConnection *const callers[2], const char *protocol,
                      const char *const options[2])
{
    Answer probes[SOME][G_N_ELEMENTS(ip_versions)][2];

    for (unsigned i = 0; i < SOME; i++)
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned c = 0; c < 2; c++)
                probe_start(&probes[i][v][c], callers[c], of(target, ip_versions[v]),
                            "'protocol': <'%s'>, 'ttl': <1>%s", protocol, options[c]);
    for (unsigned i = 0; i < SOME; i++)
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++)
            for (unsigned c = 0; c < 2; c++)
                probe_expect(&probes[i][v][c], "ttl-expired",
                             of(strstr(options[c], MARK) ? detour : router1, ip_versions[v]));
}

/* A mark is its probe's alone: others of the same caller, of another, before, after and at the same
 * time leave without. */
static void test_mark(const void *argument)
{
    static const char plain[] = "", zero[] = ", 'mark': <uint32 0>", marked[] = ", " MARK;
    const char *const marked_first[][2] = {
        {marked, marked}, {plain, plain}, {marked, plain}, {plain, marked}, {zero, zero}};
    const char *const plain_first[][2] = {
        {plain, plain}, {marked, marked}, {zero, zero}, {marked, plain}, {plain, marked}};
    bool is_marked_first = GPOINTER_TO_INT(argument);
    GDBusConnection *callers[2];
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    callers[0] = fixture.root;
    callers[1] = fixture_connect(0);
    for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
            g_autofree char *none = g_strdup_printf("%s%dnone", protocols[p], ip_versions[v]);
            g_autofree char *ours = g_strdup_printf("%s%dours", protocols[p], ip_versions[v]);
            g_autofree char *other = g_strdup_printf("%s%dother", protocols[p], ip_versions[v]);

            count_probes(none, protocols[p], ip_versions[v], "0");
            count_probes(ours, protocols[p], ip_versions[v], G_STRINGIFY(NETWORK_MARK));
            count_probes(other, protocols[p], ip_versions[v],
                         "!= { 0, " G_STRINGIFY(NETWORK_MARK) " }");
        }

        for (unsigned i = 0; i < G_N_ELEMENTS(marked_first); i++)
            send_some(callers, protocols[p], is_marked_first ? marked_first[i] : plain_first[i]);

        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
            g_autofree char *none = g_strdup_printf("%s%dnone", protocols[p], ip_versions[v]);
            g_autofree char *ours = g_strdup_printf("%s%dours", protocols[p], ip_versions[v]);
            g_autofree char *other = g_strdup_printf("%s%dother", protocols[p], ip_versions[v]);

            assert_count(none, protocols[p], 6 * SOME);
            assert_count(ours, protocols[p], 4 * SOME);
            g_assert_cmpuint(network_count(other), ==, 0);
        }
    }
    fixture_disconnect(callers[1]);
    fixture_stop(&fixture);
    network_down();
}

/* Several marks at once: each probe leaves with its own. */
static void test_marks(void)
{
    static const char *const marks[] = {"0", "1", "0x80000000", "0xffffffff"};
    Fixture fixture;

    network_up();
    fixture_start(&fixture, NULL);
    for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++) {
        Answer probes[SOME][G_N_ELEMENTS(marks)];

        for (unsigned m = 0; m < G_N_ELEMENTS(marks); m++) {
            g_autofree char *name = g_strdup_printf("%s%u", protocols[p], m);

            count_probes(name, protocols[p], 4, marks[m]);
        }
        for (unsigned i = 0; i < SOME; i++)
            for (unsigned m = 0; m < G_N_ELEMENTS(marks); m++)
                probe_start(&probes[i][m], fixture.root, NETWORK_TARGET_4,
                            "'protocol': <'%s'>, 'mark': <uint32 %s>", protocols[p], marks[m]);
        for (unsigned i = 0; i < SOME; i++)
            for (unsigned m = 0; m < G_N_ELEMENTS(marks); m++)
                probe_expect(&probes[i][m], "reply", NETWORK_TARGET_4);
        for (unsigned m = 0; m < G_N_ELEMENTS(marks); m++) {
            g_autofree char *name = g_strdup_printf("%s%u", protocols[p], m);

            assert_count(name, protocols[p], SOME);
        }
    }
    fixture_stop(&fixture);
    network_down();
}

/*
 * Other protocols beside TCP
 */

/*
 * Every mtr-packet reads all ICMP of the host. An expired TCP probe it knows by its source port
 * alone, which it takes for the sequence number of a probe of its own, of whatever protocol: so the
 * answer to one process's TCP would do for the ICMP, or the marked UDP, of another that counts as
 * far.
 */

static void test_crossing_icmp(const void *argument)
{
    int ip_version = GPOINTER_TO_INT(argument);

    trace_twice(ip_version, "'protocol': <'tcp'>", of(hole, ip_version),
                "'protocol': <'icmp'>, 'timeout': <1>");
}

static void test_crossing_marked(const void *argument)
{
    g_autofree char *options =
        g_strdup_printf("'protocol': <'%s'>, 'timeout': <1>, " MARK, (const char *)argument);

    trace_twice(4, "'protocol': <'tcp'>", NETWORK_TARGET_4, options);
}

#define EXPIRED 400
#define EXPIRED_AT_ONCE 100

/*
 * A TCP probe that expires is told of twice, by ICMP and by an error of its socket. mtr-packet
 * looks for the one and then for the other, and where both come in between says `no-route` without
 * a responder: of answers from another processor, which these are, one in a hundred or so. None of
 * that is seen.
 */
static void test_expired_tcp(void)
{
    Answer probes[EXPIRED_AT_ONCE];
    Fixture fixture;
    Tun *tun;

    tun = tun_new();
    fixture_start(&fixture, NULL);
    for (unsigned sent = 0; sent < EXPIRED; sent += EXPIRED_AT_ONCE) {
        for (unsigned i = 0; i < EXPIRED_AT_ONCE; i++)
            probe_start(&probes[i], fixture.root, tun_address(TUN_NO_EXTENSION, i % 2 ? 4 : 6),
                        "'protocol': <'tcp'>");
        for (unsigned i = 0; i < EXPIRED_AT_ONCE; i++)
            probe_expect(&probes[i], "ttl-expired", of(tun_router, i % 2 ? 4 : 6));
    }
    fixture_stop(&fixture);
    tun_free(tun);
}

#define TAKEN_FIRST 49100
#define TAKEN_LAST 57000

/*
 * Somebody takes nearly all ports of the numbers that the process for TCP has, while it has them:
 * its next probe has a number behind them, near those of others. That is noticed, and another
 * process takes over.
 */
static void test_ports_taken(void)
{
    GPid before[3], after[3];
    struct rlimit limit;
    GArray *taken = g_array_new(FALSE, FALSE, sizeof(int));
    Fixture fixture;
    Answer probe;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);

    fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < 2; i++) {
        probe_start(&probe, fixture.root, "127.0.0.1", "'protocol': <'%s'>", i ? "tcp" : "icmp");
        probe_expect(&probe, "reply", "127.0.0.1");
    }
    g_assert_cmpuint(process_children(fixture.service_pid, before, 3), ==, 2);

    for (unsigned port = TAKEN_FIRST; port <= TAKEN_LAST; port++) {
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_array_append_val(taken, fd);
    }
    for (unsigned i = 0; i < 400; i++) {
        probe_start(&probe, fixture.root, "127.0.0.1", "'protocol': <'tcp'>, 'port': <9>");
        probe_expect(&probe, "reply", "127.0.0.1");
    }
    g_assert_cmpuint(process_children(fixture.service_pid, after, 3), ==, 2);
    g_assert_cmpint(after[0], ==, before[0]);
    g_assert_cmpint(after[1], !=, before[1]);

    for (unsigned i = 0; i < taken->len; i++)
        close(g_array_index(taken, int, i));
    g_array_unref(taken);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    void *four = GINT_TO_POINTER(4), *six = GINT_TO_POINTER(6);

    g_test_add_func("/network/hops", test_hops);
    g_test_add_func("/network/black-hole", test_black_hole);
    g_test_add_func("/network/labels/all", test_labels);
    g_test_add_func("/network/labels/sizes", test_labels_sizes);
    g_test_add_func("/network/labels/busctl", test_labels_busctl);
    g_test_add_func("/network/late", test_late);
    g_test_add_func("/network/ports-taken", test_ports_taken);
    g_test_add_func("/network/expired-tcp", test_expired_tcp);
    g_test_add_func("/network/local-ip", test_local_ip);
    g_test_add_func("/network/local-ip-tentative", test_local_ip_tentative);
    g_test_add_data_func("/network/two-callers/tcp-4", four, test_trace_tcp);
    g_test_add_data_func("/network/two-callers/tcp-6", six, test_trace_tcp);
    g_test_add_data_func("/network/mark/marked-first", GINT_TO_POINTER(true), test_mark);
    g_test_add_data_func("/network/mark/plain-first", GINT_TO_POINTER(false), test_mark);
    g_test_add_func("/network/mark/several", test_marks);
    g_test_add_data_func("/network/mark/udp-port-4", four, test_trace_udp_marked);
    g_test_add_data_func("/network/mark/udp-port-6", six, test_trace_udp_marked);
    g_test_add_data_func("/network/crossing/icmp-4", four, test_crossing_icmp);
    g_test_add_data_func("/network/crossing/icmp-6", six, test_crossing_icmp);
    g_test_add_data_func("/network/crossing/marked-icmp", "icmp", test_crossing_marked);
    g_test_add_data_func("/network/crossing/marked-udp", "udp", test_crossing_marked);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
