/* SPDX-License-Identifier: MIT */

/* Command lines, as mtr-packet reads them, and replies, as it writes them. */

#include <glib.h>
#include <limits.h>
#include <string.h>

#include "packet-command.h"

/* Reads @line, of @length bytes, into @ret. */
static void parse_bytes(PacketRequest *ret, const char *line, size_t length)
{
    static char copy[2 * PACKET_COMMAND_LINE_MAX];

    g_assert_cmpuint(length, <, sizeof(copy));
    memcpy(copy, line, length);
    copy[length] = '\0';
    packet_request_parse(ret, copy, length);
}

static void parse(PacketRequest *ret, const char *line)
{
    parse_bytes(ret, line, strlen(line));
}

/* Lines that are answered at once. */
static void test_refusals(void)
{
    static const struct {
        const char *line;
        int token;
        const char *refusal;
    } cases[] =
    { {"", 0, "command-parse-error"},
      {" \t\v\f\r", 0, "command-parse-error"},
      {"7", 0, "command-parse-error"},
      {"7 unknown name", 0, "command-parse-error"},
      {"99999999999999999999 unknown", 0, "command-parse-error"},
      {"1 unknown a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g", 0,
       "command-parse-error"},
      {"1 unknown a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f", 1,
       "unknown-command"},
      {"unknown command", 0, "unknown-command"},
      {"12x unknown", 12, "unknown-command"},
      {"+5 unknown", 5, "unknown-command"},
      {"-2147483648 unknown", G_MININT, "unknown-command"},
      {"2147483647 unknown", G_MAXINT, "unknown-command"},
#if LONG_MAX > INT_MAX
      {"99999999999 unknown", 1215752191, "unknown-command"},
#else
      {"99999999999 unknown", 0, "command-parse-error"},
#endif
      {"\t8\v Send-Probe\r", 8, "unknown-command"},

      {"1 check-support", 1, "invalid-argument"},
      {"1 check-support features ip-4", 1, "invalid-argument"},
      {"1 check-support feature IP-4", 1, "feature-support support no"},
      {"1 check-support feature zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 1,
       "feature-support support no"},

      {"1 send-probe", 1, "invalid-argument reason ip-version-not-supported"},
      {"1 send-probe local-ip-4 127.0.0.1", 1, "invalid-argument reason ip-version-not-supported"},
      {"1 send-probe ip-4 localhost", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.1", 1, "invalid-argument"},
      {"1 send-probe ip-4 ::1", 1, "invalid-argument"},
      {"1 send-probe ip-6 127.0.0.1", 1, "invalid-argument"},
      {"1 send-probe ip-6 fe80::1%lo", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 protocol gre", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 protocol gre protocol udp", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 ttl x", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 ttl 5x ttl 5", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 ttl -", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 local-port 1023", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 local-port -1", 1, "invalid-argument"},
      {"1 send-probe ip-4 127.0.0.1 local-ip-4 ::1", 1, "invalid-argument"},
      {"1 send-probe ip-6 ::1 local-ip-6 127.0.0.1", 1, "invalid-argument"},

      /* what mtr-packet would take */
      {"1 send-probe ip-4 127.0.0.1 ttl 0", 1, "invalid-argument reason ttl-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 ttl 256", 1, "invalid-argument reason ttl-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 ttl 99999999999999999999", 1,
       "invalid-argument reason ttl-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 timeout -1", 1, "invalid-argument reason timeout-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 timeout 61", 1, "invalid-argument reason timeout-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 size -1", 1, "invalid-argument reason size-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 size 9001", 1, "invalid-argument reason size-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 tos 256", 1, "invalid-argument reason tos-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 tos -1", 1, "invalid-argument reason tos-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 protocol udp port 65536", 1,
       "invalid-argument reason port-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 protocol tcp port -1", 1,
       "invalid-argument reason port-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 protocol udp local-port 65536", 1,
       "invalid-argument reason local-port-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 mark 4294967296", 1,
       "invalid-argument reason mark-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 mark -2147483649", 1,
       "invalid-argument reason mark-out-of-range"},
      {"1 send-probe ip-4 127.0.0.1 bit-pattern 2147483648", 1,
       "invalid-argument reason bit-pattern-out-of-range"},
      {"1 send-probe ip-4 0.0.0.0", 1, "invalid-argument reason address-not-supported"},
      {"1 send-probe ip-4 224.0.0.1", 1, "invalid-argument reason address-not-supported"},
      {"1 send-probe ip-4 255.255.255.255", 1, "invalid-argument reason address-not-supported"},
      {"1 send-probe ip-6 ::ffff:127.0.0.1", 1, "invalid-argument reason address-not-supported"},
      {"1 send-probe ip-6 ::1 protocol udp port 1 local-port 1024", 1,
       "invalid-argument reason ports-not-supported"},
      {"1 send-probe ip-4 127.0.0.1 local-ip-4 224.0.0.1", 1, "permission-denied"},
      {"1 send-probe ip-4 127.0.0.1 local-ip-4 0.0.0.0", 1, "permission-denied"},
      {"1 send-probe ip-6 ::1 local-ip-6 ::ffff:127.0.0.1", 1, "permission-denied"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        PacketRequest request;

        parse(&request, cases[i].line);
        g_assert_cmpstr(request.refusal, ==, cases[i].refusal);
        g_assert_cmpint(request.token, ==, cases[i].token);
    }
}

/* A NUL ends no line: what stands before it is not carried out. */
static void test_nul(void)
{
    PacketRequest request;

    parse_bytes(&request, "1 check-support feature ip-4\0", 29);
    g_assert_cmpstr(request.refusal, ==, "command-parse-error");
    parse_bytes(&request,
                "\0"
                "1 check-support feature ip-4",
                29);
    g_assert_cmpstr(request.refusal, ==, "command-parse-error");
    g_assert_cmpint(request.token, ==, 0);
}

/* What is given to mtr-packet for a line: what it would take anyway is left out. */
static void test_commands(void)
{
    static const struct {
        const char *line, *command;
    } cases[] = {
        {"1 check-support feature ip-4", "9 check-support feature ip-4\n"},
        {"1 check-support a b feature udp feature tcp", "9 check-support feature udp\n"},
        {"1 send-probe ip-4 127.0.0.1", "9 send-probe ip-4 127.0.0.1 protocol icmp timeout 10\n"},
        {"1 send-probe ip-6 2001:DB8:0::1 timeout 0",
         "9 send-probe ip-6 2001:db8::1 protocol icmp timeout 0\n"},
        /* the last holds; what is not known counts for nothing */
        {"1 send-probe ip-4 127.0.0.1 ip-6 ::1 what ever timeout 5 timeout +6",
         "9 send-probe ip-6 ::1 protocol icmp timeout 6\n"},
        {"1 send-probe protocol udp ip-4 127.0.0.1 ttl 255 size 64 tos 0 bit-pattern 0 mark 0 "
         "port 0 timeout 10",
         "9 send-probe ip-4 127.0.0.1 protocol udp timeout 10\n"},
        {"1 send-probe protocol udp ip-4 127.0.0.1 local-ip-4 127.0.0.2 ttl 1 port 7 local-port "
         "1024 size 9000 bit-pattern 255 tos 255 mark 4294967295",
         "9 send-probe ip-4 127.0.0.1 protocol udp timeout 10 local-ip-4 127.0.0.2 ttl 1 port 7 "
         "local-port 1024 size 9000 bit-pattern 255 tos 255 mark 4294967295\n"},
        /* a source's name does not say its version */
        {"1 send-probe ip-4 127.0.0.1 local-ip-6 127.0.0.2",
         "9 send-probe ip-4 127.0.0.1 protocol icmp timeout 10 local-ip-4 127.0.0.2\n"},
        /* mtr sends such, for bytes at random and for large marks */
        {"1 send-probe ip-4 127.0.0.1 bit-pattern -300 mark -1",
         "9 send-probe ip-4 127.0.0.1 protocol icmp timeout 10 bit-pattern 212 mark 4294967295\n"},
        {"1 send-probe ip-4 127.0.0.1 bit-pattern -256",
         "9 send-probe ip-4 127.0.0.1 protocol icmp timeout 10\n"},
        /* not used by the protocol, however wrong */
        {"1 send-probe ip-4 127.0.0.1 port 70000 local-port 70000",
         "9 send-probe ip-4 127.0.0.1 protocol icmp timeout 10\n"},
        {"1 send-probe ip-4 127.0.0.1 protocol tcp port 80 local-port 2000 size -3",
         "9 send-probe ip-4 127.0.0.1 protocol tcp timeout 10 port 80\n"},
        {"1 send-probe ip-6 ::1 protocol sctp port 80 local-port 2000 size 10000",
         "9 send-probe ip-6 ::1 protocol sctp timeout 10 port 80\n"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char command[PACKET_COMMAND_SIZE];
        PacketRequest request;

        parse(&request, cases[i].line);
        g_assert_cmpstr(request.refusal, ==, NULL);
        g_assert_cmpint(request.token, ==, 1);
        packet_command_format(&request.command, 9, command);
        g_assert_cmpstr(command, ==, cases[i].command);
    }
}

/* polkit's rules see the target as it was written. */
static void test_host(void)
{
    char line[] = "1 send-probe ip-6 2001:DB8:0::1 ttl 1";
    PacketRequest request;

    packet_request_parse(&request, line, strlen(line));
    g_assert_cmpstr(request.host, ==, "2001:DB8:0::1");
}

static void assert_reply(const char *question, const char *reply, const char *expected)
{
    g_autofree char *copy = g_strdup(reply);
    char line[PACKET_REPLY_SIZE];
    PacketRequest request;
    PacketReply parsed;

    parse(&request, question);
    g_assert_cmpstr(request.refusal, ==, NULL);
    g_assert_cmpint(packet_reply_parse(&parsed, copy, strlen(copy)), ==, 0);
    g_assert_cmpuint(packet_reply_format(-7, &request.command, &parsed, line), ==,
                     strlen(expected));
    g_assert_cmpstr(line, ==, expected);
}

static void test_replies(void)
{
    static const char probe[] = "1 send-probe ip-4 127.0.0.1";
    GString *longest = g_string_new("1 a"), *expected = g_string_new("-7 a");

    assert_reply(probe, "1 reply ip-4 127.0.0.1 round-trip-time 205",
                 "-7 reply ip-4 127.0.0.1 round-trip-time 205\n");
    assert_reply(probe, "1 ttl-expired ip-4 1.2.3.4 round-trip-time 1 mpls 1,2,1,4,5,6,0,7",
                 "-7 ttl-expired ip-4 1.2.3.4 round-trip-time 1 mpls 1,2,1,4,5,6,0,7\n");
    assert_reply(probe, "1 no-reply", "-7 no-reply\n");
    assert_reply(probe, "1 whatever new 1", "-7 whatever new 1\n");
    assert_reply("1 check-support feature version", "1 feature-support support 0.95",
                 "-7 feature-support support 0.95\n");

    /* asked by way of a probe */
    assert_reply("1 check-support feature mark", "1 no-route", "-7 feature-support support ok\n");
    assert_reply("1 check-support feature mark", "1 permission-denied",
                 "-7 feature-support support no\n");
    assert_reply("1 check-support feature mark", "1 feature-support support no",
                 "-7 feature-support support no\n");

    /* as long as one may be */
    for (unsigned i = 0; i < PACKET_ARGUMENTS_MAX; i++) {
        g_string_append(longest, " b c");
        g_string_append(expected, " b c");
    }
    while (longest->len < LINE_BUFFER_LINE_MAX) {
        g_string_append_c(longest, 'c');
        g_string_append_c(expected, 'c');
    }
    g_string_append_c(expected, '\n');
    assert_reply(probe, longest->str, expected->str);
    g_string_free(longest, TRUE);
    g_string_free(expected, TRUE);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packet-command/refusals", test_refusals);
    g_test_add_func("/packet-command/nul", test_nul);
    g_test_add_func("/packet-command/commands", test_commands);
    g_test_add_func("/packet-command/host", test_host);
    g_test_add_func("/packet-command/replies", test_replies);
    return g_test_run();
}
