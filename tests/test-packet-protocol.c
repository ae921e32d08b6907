/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "outcome.h"
#include "packet-protocol.h"
#include "packet-support.h"

/* Parses a copy of LINE that lives until the next call. */
static int parse(PacketReply *ret, const char *line)
{
    static char copy[8192];

    g_assert_cmpuint(g_strlcpy(copy, line, sizeof(copy)), <, sizeof(copy));
    return packet_reply_parse(ret, copy, strlen(line));
}

static ProbeResult decode(const char *line)
{
    PacketReply reply;
    ProbeResult result;

    g_assert_cmpint(parse(&reply, line), ==, 0);
    packet_reply_decode(&result, &reply);
    return result;
}

static PacketCommand probe(const char *host)
{
    PacketCommand command = {.kind = PACKET_SEND_PROBE};
    Failure failure;

    command.options = PROBE_OPTIONS_INIT;
    g_assert_cmpint(probe_target_parse(&command.target, host, 0, &failure), ==, 0);
    return command;
}

static void assert_command(const PacketCommand *command, int token, const char *expected)
{
    char line[PACKET_COMMAND_SIZE];

    g_assert_cmpuint(packet_command_format(command, token, line), ==, strlen(expected));
    g_assert_cmpstr(line, ==, expected);
}

static void test_commands(void)
{
    PacketCommand command = probe("127.0.0.1");

    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 10\n");

    command = probe("2001:DB8:0::1");
    assert_command(&command, 7, "7 send-probe ip-6 2001:db8::1 protocol icmp timeout 10\n");

    /* every option, at its longest */
    command = probe("2eee:ffee:ffee:ffee:ffee:ffee:ffee:ffee");
    command.options = (ProbeOptions){.protocol = PROBE_UDP,
                                     .timeout_usec = 60000000,
                                     .ttl = 255,
                                     .port = 65535,
                                     .local_port = 65534,
                                     .size = 9000,
                                     .bit_pattern = 254,
                                     .tos = 253,
                                     .mark = 4294967295};
    command.options.local_ip = command.target;
    assert_command(
        &command, 2147483647,
        "2147483647 send-probe ip-6 2eee:ffee:ffee:ffee:ffee:ffee:ffee:ffee protocol udp "
        "timeout 60 local-ip-6 2eee:ffee:ffee:ffee:ffee:ffee:ffee:ffee ttl 255 port 65535 "
        "local-port 65534 size 9000 bit-pattern 254 tos 253 mark 4294967295\n");

    /* mtr-packet has whole seconds, never less than what was asked for */
    command = probe("127.0.0.1");
    command.options.timeout_usec = 0;
    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 0\n");
    command.options.timeout_usec = 1;
    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 1\n");
    command.options.timeout_usec = 1000000;
    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 1\n");
    command.options.timeout_usec = 1000001;
    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 2\n");

    /* mark 0 is none, and mtr-packet need not know the word */
    command = probe("127.0.0.1");
    command.options.mark = 1;
    assert_command(&command, 1, "1 send-probe ip-4 127.0.0.1 protocol icmp timeout 10 mark 1\n");
    g_assert_true(packet_command_is_numbered(&command));

    command = packet_support_question(0);
    g_assert_false(packet_command_is_numbered(&command));
    assert_command(&command, 3, "3 check-support feature send-probe\n");
    command = packet_support_question(PACKET_SUPPORT_QUESTIONS - 1);
    assert_command(&command, 4, "4 check-support feature version\n");
}

/* Whether marks work is asked by a probe, over TCP: there a mark stays with its probe. */
static void test_mark_question(void)
{
    static const struct {
        const char *reply;
        bool supported;
    } rows[] = {
        {"1 reply ip-4 127.0.0.1 round-trip-time 9", true},
        {"1 no-reply", true},
        {"1 permission-denied", false},
        {"1 invalid-argument", false},
        {"1 feature-support support ok", true},
        {"1 feature-support support no", false},
    };
    PacketCommand command = {.kind = PACKET_CHECK_SUPPORT, .feature = "mark"};
    PacketCommand other = {.kind = PACKET_CHECK_SUPPORT, .feature = "marked"};
    PacketReply reply;

    assert_command(&command, 5,
                   "5 send-probe ip-4 127.0.0.1 protocol tcp timeout 1 port 9 mark 1\n");
    g_assert_true(packet_command_is_numbered(&command));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(parse(&reply, rows[i].reply), ==, 0);
        g_assert_cmpint(packet_reply_supported(&command, &reply), ==, rows[i].supported);
    }

    assert_command(&other, 5, "5 check-support feature marked\n");
    g_assert_false(packet_command_is_numbered(&other));
    g_assert_cmpint(parse(&reply, "1 no-reply"), ==, 0);
    g_assert_false(packet_reply_supported(&other, &reply));
}

/* A time that our own clock contradicts is never passed on, nor a loss that comes too early. */
static void test_distrust(void)
{
    static const struct {
        const char *reply;
        uint64_t span_usec;
        bool distrusted;
    } rows[] = {
        {"1 reply ip-4 127.0.0.1 round-trip-time 1000", 1000, false},
        {"1 reply ip-4 127.0.0.1 round-trip-time 1001", 1000, true},
        {"1 ttl-expired ip-4 127.0.0.1 round-trip-time 3600000000", 2000000, true},
        {"1 reply ip-4 127.0.0.1 round-trip-time 0", 0, false},
        {"1 reply ip-4 127.0.0.1 round-trip-time -1", 1000, true},
        {"1 no-route-host round-trip-time 7", 6, true},
        {"1 no-reply", 2500000, false},
        {"1 no-reply", 2490000, false},
        {"1 no-reply", 2489999, true},
        {"1 no-route", 0, false},
    };
    PacketCommand command = probe("127.0.0.1"), question = packet_support_question(0);
    PacketReply reply;

    command.options.timeout_usec = 2500000;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *what;

        g_assert_cmpint(parse(&reply, rows[i].reply), ==, 0);
        what = packet_reply_distrust(&command, &reply, rows[i].span_usec);
        g_assert_cmpint(what != NULL, ==, rows[i].distrusted);
        if (what)
            g_assert_nonnull(strstr(what, "the machine's clock was set"));
        g_assert_null(packet_reply_distrust(&question, &reply, rows[i].span_usec));
    }
}

static void test_features(void)
{
    static const char *const good[] = {"a", "ip-4", "0-9", "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {"",
                                      "A",
                                      "a b",
                                      "a\n",
                                      "x\n1 send-probe ip-4 127.0.0.1",
                                      "\xc3\xa4",
                                      "abcdefghijklmnopqrstuvwxyz0123456"};
    Failure failure;

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_cmpint(packet_feature_check(good[i], &failure), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(packet_feature_check(bad[i], &failure), ==, OUTCOME_INVALID_ARGS);
        g_assert_null(strchr(failure.message, '\n'));
    }
}

static void test_replies(void)
{
    ProbeResult result = decode("42 reply ip-4 127.0.0.1 round-trip-time 126");

    g_assert_true(result.success);
    g_assert_cmpstr(result.word, ==, "reply");
    g_assert_cmpstr(result.responder, ==, "127.0.0.1");
    g_assert_cmpfloat(result.time_ms, ==, 0.126);
    g_assert_cmpuint(result.n_mpls, ==, 0);
    g_assert_cmpuint(result.n_details, ==, 0);

    result = decode("1 ttl-expired ip-6 fe80::1 round-trip-time 0");
    g_assert_false(result.success);
    g_assert_cmpstr(result.responder, ==, "fe80::1");
    g_assert_cmpfloat(result.time_ms, ==, 0);

    result = decode("1 no-reply");
    g_assert_false(result.success);
    g_assert_cmpstr(result.word, ==, "no-reply");
    g_assert_cmpstr(result.responder, ==, "");
    g_assert_true(isnan(result.time_ms));

    result = decode("1 invalid-argument reason protocol-not-supported");
    g_assert_cmpuint(result.n_details, ==, 1);
    g_assert_cmpstr(result.details[0].name, ==, "reason");
    g_assert_cmpstr(result.details[0].value, ==, "protocol-not-supported");
}

/* What nobody has heard of passes through; what is not understood is not guessed at, but shown as
 * it came. */
static void test_unknown(void)
{
    ProbeResult result = decode("5 wait-tcp-respone-timeout foo bar errno 7 ip-4 1.2.3.4 foo baz");

    g_assert_cmpstr(result.word, ==, "wait-tcp-respone-timeout");
    g_assert_cmpstr(result.responder, ==, "1.2.3.4");
    g_assert_cmpuint(result.n_details, ==, 2);
    g_assert_cmpstr(result.details[0].name, ==, "foo");
    g_assert_cmpstr(result.details[0].value, ==, "bar");
    g_assert_cmpstr(result.details[1].name, ==, "errno");

    result = decode("5 reply ip-4 ::1 round-trip-time -5 mpls none");
    g_assert_cmpstr(result.responder, ==, "");
    g_assert_true(isnan(result.time_ms));
    g_assert_cmpuint(result.n_mpls, ==, 0);
    g_assert_cmpuint(result.n_details, ==, 3);
    g_assert_cmpstr(result.details[1].value, ==, "-5");

    result = decode("5 reply round-trip-time 99999999999999999999 ip-6 1.2.3.4");
    g_assert_true(isnan(result.time_ms));
    g_assert_cmpuint(result.n_details, ==, 2);
}

static void test_no_replies(void)
{
    static const char *const lines[] = {
        "",
        " ",
        "1",
        "x reply",
        "reply 1",
        "+1 reply",
        "1x reply",
        "2147483648 reply",
        "-2147483649 reply",
        "99999999999999999999 reply",
        "1 reply ip-4",
        "1 reply ip-4 127.0.0.1 round-trip-time",
        "1\treply",
        "1 reply\r",
        "1 r\xc3\xa4ply",
        "1 re\x7fply",
        "1 \x1b[31mreply",
    };
    g_autoptr(GString) many = g_string_new("1 reply");
    PacketReply reply;
    char nul[] = "1 reply\0 x";

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        g_assert_cmpint(parse(&reply, lines[i]), ==, -EBADMSG);
    g_assert_cmpint(packet_reply_parse(&reply, nul, sizeof(nul) - 1), ==, -EBADMSG);

    for (unsigned i = 0; i < PACKET_ARGUMENTS_MAX; i++)
        g_string_append(many, " a b");
    g_assert_cmpint(parse(&reply, many->str), ==, 0);
    g_assert_cmpuint(reply.n_arguments, ==, PACKET_ARGUMENTS_MAX);
    g_string_append(many, " a b");
    g_assert_cmpint(parse(&reply, many->str), ==, -EBADMSG);
}

static void test_tokens(void)
{
    PacketReply reply;

    g_assert_cmpint(parse(&reply, "0 command-parse-error"), ==, 0);
    g_assert_cmpint(reply.token, ==, 0);
    g_assert_cmpint(parse(&reply, "-5  no-reply "), ==, 0);
    g_assert_cmpint(reply.token, ==, -5);
    g_assert_cmpint(parse(&reply, "2147483647 no-reply"), ==, 0);
    g_assert_cmpint(reply.token, ==, 2147483647);
}

/* Every prefix of a good line is a reply or is none, and never shows more than it has. */
static void test_cut_lines(void)
{
    static const char line[] = "42 ttl-expired ip-4 127.0.0.1 round-trip-time 126 mpls 1,2,1,4";
    static const char *const words[] = {
        "42", "ttl-expired", "ip-4", "127.0.0.1", "round-trip-time", "126", "mpls", "1,2,1,4"};

    for (size_t length = 0; length <= strlen(line); length++) {
        g_autofree char *cut = g_strndup(line, length);
        g_autofree char *chomped = g_strchomp(g_strdup(cut));
        g_auto(GStrv) split = g_strsplit(chomped, " ", -1);
        unsigned n = g_strv_length(split);
        PacketReply reply;
        int r = parse(&reply, cut);

        if (n < 2 || n % 2 != 0) {
            g_assert_cmpint(r, ==, -EBADMSG);
            continue;
        }
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpuint(reply.n_arguments, ==, n / 2 - 1);
        for (unsigned i = 0; i < reply.n_arguments; i++)
            g_assert_true(g_str_has_prefix(words[2 + 2 * i], reply.arguments[i].name));
    }
}

static void assert_label(const MplsLabel *label, uint32_t value, uint8_t traffic_class, bool bottom,
                         uint8_t ttl)
{
    g_assert_cmpuint(label->label, ==, value);
    g_assert_cmpuint(label->traffic_class, ==, traffic_class);
    g_assert_cmpint(label->bottom_of_stack, ==, bottom);
    g_assert_cmpuint(label->ttl, ==, ttl);
}

static void test_mpls(void)
{
    ProbeResult result = decode("1 ttl-expired ip-4 10.0.0.1 round-trip-time 5 mpls 16004,5,1,254");

    g_assert_cmpuint(result.n_mpls, ==, 1);
    g_assert_cmpuint(result.n_details, ==, 0);
    assert_label(&result.mpls[0], 16004, 5, true, 254);

    result = decode("1 ttl-expired mpls 0,0,0,0,1048575,7,0,255,3,1,1,1");
    g_assert_cmpuint(result.n_mpls, ==, 3);
    assert_label(&result.mpls[0], 0, 0, false, 0);
    assert_label(&result.mpls[1], 1048575, 7, false, 255);
    assert_label(&result.mpls[2], 3, 1, true, 1);
}

/* A list that is broken anywhere gives no label at all, and is shown as it came. */
static void test_mpls_broken(void)
{
    static const char *const lists[] = {
        ",",
        "1",
        "1,2",
        "1,2,1",
        "1,2,1,",
        "1,2,1,4,",
        "1,2,1,4,5",
        "1,2,1,4,5,6,1",
        ",1,2,1,4",
        "1,,1,4",
        "1048576,0,1,4",
        "1,8,1,4",
        "1,2,2,4",
        "1,2,1,256",
        "-1,2,1,4",
        "1,2,1,4x",
        "0x1,2,1,4",
        "1.2.1.4",
        "99999999999999999999,2,1,4",
    };
    g_autoptr(GString) many = g_string_new("1 ttl-expired mpls 1,2,0,4");
    ProbeResult result;

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *line = g_strdup_printf("1 ttl-expired ip-4 10.0.0.1 mpls %s", lists[i]);

        result = decode(line);
        g_assert_cmpuint(result.n_mpls, ==, 0);
        g_assert_cmpstr(result.responder, ==, "10.0.0.1");
        g_assert_cmpuint(result.n_details, ==, 1);
        g_assert_cmpstr(result.details[0].name, ==, "mpls");
        g_assert_cmpstr(result.details[0].value, ==, lists[i]);
    }

    for (unsigned i = 1; i < PACKET_MPLS_MAX; i++)
        g_string_append(many, ",1,2,0,4");
    g_assert_cmpuint(decode(many->str).n_mpls, ==, PACKET_MPLS_MAX);
    g_string_append(many, ",1,2,0,4");
    g_assert_cmpuint(decode(many->str).n_mpls, ==, 0);
}

static void test_support(void)
{
    const PacketCommand question = packet_support_question(0);
    PacketSupport support = {0};
    PacketReply reply;
    bool supported;

    g_assert_false(packet_support_can_probe(&support));

    g_assert_cmpint(parse(&reply, "1 feature-support support no"), ==, 0);
    g_assert_false(packet_reply_supported(&question, &reply));
    packet_support_answer(&support, 0, &reply);
    g_assert_false(packet_support_can_probe(&support));

    g_assert_cmpint(parse(&reply, "1 unknown-command support ok"), ==, 0);
    g_assert_false(packet_reply_supported(&question, &reply));
    g_assert_cmpint(parse(&reply, "1 feature-support"), ==, 0);
    g_assert_false(packet_reply_supported(&question, &reply));

    g_assert_cmpint(parse(&reply, "1 feature-support support ok"), ==, 0);
    g_assert_true(packet_reply_supported(&question, &reply));
    packet_support_answer(&support, 0, &reply);
    g_assert_true(packet_support_can_probe(&support));

    g_assert_cmpint(parse(&reply, "1 feature-support support 0.95"), ==, 0);
    packet_support_answer(&support, PACKET_SUPPORT_QUESTIONS - 1, &reply);
    g_assert_cmpstr(support.version, ==, "0.95");
    g_assert_cmpuint(support.features, ==, 1);

    g_assert_true(packet_support_knows(&support, "send-probe", &supported));
    g_assert_true(supported);
    g_assert_true(packet_support_knows(&support, "sctp", &supported));
    g_assert_false(supported);
    g_assert_false(packet_support_knows(&support, "version", &supported));
    g_assert_false(packet_support_knows(&support, "mark", &supported));
}

static void test_targets(void)
{
    static const struct {
        const char *host;
        int ip_version;
        Outcome outcome;
        const char *text; /* the target, or a part of the message */
    } cases[] = {
        {"127.0.0.1", 0, OUTCOME_OK, "127.0.0.1"},
        {"127.0.0.1", 4, OUTCOME_OK, "127.0.0.1"},
        {"127.0.0.1", 6, OUTCOME_HOST_RESOLVE, "IPv6"},
        {"::1", 6, OUTCOME_OK, "::1"},
        {"::1", 4, OUTCOME_HOST_RESOLVE, "IPv4"},
        {"2001:0DB8::0001", 0, OUTCOME_OK, "2001:db8::1"},
        {"223.255.255.255", 0, OUTCOME_OK, "223.255.255.255"},
        {"255.255.255.254", 0, OUTCOME_OK, "255.255.255.254"},
        {"", 0, OUTCOME_INVALID_ARGS, "empty"},
        {"0.0.0.0", 0, OUTCOME_INVALID_ARGS, "unspecified"},
        {"224.0.0.0", 0, OUTCOME_INVALID_ARGS, "multicast"},
        {"239.255.255.255", 0, OUTCOME_INVALID_ARGS, "multicast"},
        {"255.255.255.255", 0, OUTCOME_INVALID_ARGS, "broadcast"},
        {"::", 0, OUTCOME_INVALID_ARGS, "unspecified"},
        {"ff02::1", 0, OUTCOME_INVALID_ARGS, "multicast"},
        {"::ffff:127.0.0.1", 0, OUTCOME_INVALID_ARGS, "written as IPv6"},
        {"fe80::1%eth0", 0, OUTCOME_NOT_SUPPORTED, "interface"},
        {"127.0.0.1 ttl 1", 0, OUTCOME_INVALID_ARGS, "\"127.0.0.1 ttl 1\""},
        {"127.0.0.1\n2 x", 0, OUTCOME_INVALID_ARGS, "\\x0a"},
        {"\xc3\xa4", 0, OUTCOME_INVALID_ARGS, "\\xc3\\xa4"},
        {".", 0, OUTCOME_INVALID_ARGS, "neither"},
        {".a", 0, OUTCOME_INVALID_ARGS, "neither"},
        {"a..b", 0, OUTCOME_INVALID_ARGS, "neither"},
        {"a..", 0, OUTCOME_INVALID_ARGS, "neither"},
        {"a/b", 0, OUTCOME_INVALID_ARGS, "neither"},
        {"127.0.0.1:80", 0, OUTCOME_INVALID_ARGS, "neither"},
        {"[::1]", 0, OUTCOME_INVALID_ARGS, "neither"},
    };
    static const char *const names[] = {"localhost",           "a",  "127.1", "a.b", "a.b.",
                                        "_x._udp.EXAMPLE.com", "1-2"};
    g_autofree char *label = g_strnfill(63, 'a');
    g_autofree char *longest = g_strjoin(".", label, label, label, label + 2, NULL);
    g_autofree char *longer = g_strjoin(".", label, label, label, label + 1, NULL);
    g_autofree char *long_label = g_strnfill(64, 'a');
    ProbeTarget target;
    Failure failure;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int r = probe_target_parse(&target, cases[i].host, cases[i].ip_version, &failure);
        char text[INET6_ADDRSTRLEN];

        g_assert_cmpint(r, ==, cases[i].outcome);
        if (r == 0)
            g_assert_cmpstr(probe_target_format(&target, text), ==, cases[i].text);
        else
            g_assert_nonnull(strstr(failure.message, cases[i].text));
    }

    /* what could be a name has no address yet, whatever version is asked for */
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_cmpint(probe_target_parse(&target, names[i], i % 2 ? 4 : 6, &failure), ==, 0);
        g_assert_cmpint(target.ip_version, ==, 0);
    }
    g_assert_cmpint(probe_target_parse(&target, long_label, 0, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_cmpuint(strlen(longest), ==, PROBE_HOST_MAX);
    g_assert_cmpint(probe_target_parse(&target, longest, 0, &failure), ==, 0);
    g_assert_cmpint(probe_target_parse(&target, longer, 0, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_nonnull(strstr(failure.message, "254"));
}

/* A message is cut to its place, and is ASCII whatever it quotes. */
static void test_messages(void)
{
    g_autofree char *long_text = g_strnfill(1000, 'z');
    char buffer[QUOTE_SIZE], nasty[256];
    Failure failure;

    g_assert_cmpint(failure_set(&failure, OUTCOME_STATE, "%s", long_text), ==, OUTCOME_STATE);
    g_assert_cmpuint(strlen(failure.message), ==, FAILURE_MESSAGE_MAX - 1);
    g_assert_true(g_str_has_suffix(failure.message, "zzz..."));

    for (unsigned i = 0; i < 255; i++)
        nasty[i] = (char)(255 - i);
    nasty[255] = '\0';
    quote(buffer, nasty);
    for (const char *p = buffer; *p; p++)
        g_assert_true(g_ascii_isprint(*p));
    g_assert_true(g_str_has_suffix(buffer, "...\""));
    g_assert_cmpuint(strlen(buffer), ==, QUOTE_SIZE - 1);

    g_assert_cmpstr(quote(buffer, "a\"\\b"), ==, "\"a\\x22\\x5cb\"");
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packet-protocol/commands", test_commands);
    g_test_add_func("/packet-protocol/mark-question", test_mark_question);
    g_test_add_func("/packet-protocol/distrust", test_distrust);
    g_test_add_func("/packet-protocol/features", test_features);
    g_test_add_func("/packet-protocol/replies", test_replies);
    g_test_add_func("/packet-protocol/unknown", test_unknown);
    g_test_add_func("/packet-protocol/no-replies", test_no_replies);
    g_test_add_func("/packet-protocol/tokens", test_tokens);
    g_test_add_func("/packet-protocol/cut-lines", test_cut_lines);
    g_test_add_func("/packet-protocol/mpls", test_mpls);
    g_test_add_func("/packet-protocol/mpls-broken", test_mpls_broken);
    g_test_add_func("/packet-protocol/support", test_support);
    g_test_add_func("/probe-target/cases", test_targets);
    g_test_add_func("/outcome/messages", test_messages);
    return g_test_run();
}
