/* SPDX-License-Identifier: MIT */

#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "outcome.h"
#include "probe-options.h"

/* A bus that leads nowhere: messages belong to one. */
static sd_bus *bus;
static int bus_peer;

static void open_bus(void)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_assert_cmpint(sd_bus_new(&bus), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[0]), >=, 0);
    g_assert_cmpint(sd_bus_start(bus), >=, 0);
    bus_peer = fds[1];
}

static void close_bus(void)
{
    sd_bus_close_unref(bus);
    close(bus_peer);
}

/* A message with an open a{sv}; finish with options_read(). */
static sd_bus_message *options_new(void)
{
    sd_bus_message *message;

    g_assert_cmpint(sd_bus_message_new_signal(bus, &message, "/test", "test.Test", "Test"), >=, 0);
    g_assert_cmpint(sd_bus_message_open_container(message, 'a', "{sv}"), >=, 0);
    return message;
}

/* Reads the options, and ends the message. */
static int options_read(sd_bus_message *message, ProbeOptions *ret, Failure *failure)
{
    int r;

    g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
    g_assert_cmpint(sd_bus_message_seal(message, 1, 0), >=, 0);
    g_assert_cmpint(sd_bus_message_rewind(message, true), >=, 0);
    r = probe_options_read(ret, message, failure);
    sd_bus_message_unref(message);
    return r;
}

#define ADD(message, key, type, value)                                                             \
    g_assert_cmpint(sd_bus_message_append(message, "{sv}", key, type, value), >=, 0)

/* Reads one option of an integer TYPE. */
static int read_integer(const char *key, char type, int64_t value, ProbeOptions *ret,
                        Failure *failure)
{
    sd_bus_message *message = options_new();
    char signature[2] = {type, '\0'};

    if (strcmp(key, "port") == 0 || strcmp(key, "local_port") == 0)
        ADD(message, "protocol", "s", "udp");

    switch (type) {
    case 'x':
    case 't':
        ADD(message, key, signature, value);
        break;
    default:
        ADD(message, key, signature, (int)value);
    }
    return options_read(message, ret, failure);
}

static void test_defaults(void)
{
    ProbeOptions options;
    Failure failure;

    g_assert_cmpint(options_read(options_new(), &options, &failure), ==, 0);
    g_assert_cmpint(options.ip_version, ==, 0);
    g_assert_cmpint(options.protocol, ==, PROBE_ICMP);
    g_assert_cmpuint(options.timeout_usec, ==, 10000000);
    g_assert_cmpint(options.ttl, ==, PROBE_OPTION_UNSET);
    g_assert_cmpint(options.port, ==, PROBE_OPTION_UNSET);
    g_assert_cmpint(options.local_port, ==, PROBE_OPTION_UNSET);
    g_assert_cmpint(options.size, ==, PROBE_OPTION_UNSET);
    g_assert_cmpint(options.bit_pattern, ==, PROBE_OPTION_UNSET);
    g_assert_cmpint(options.tos, ==, PROBE_OPTION_UNSET);
}

static const struct {
    const char *key;
    size_t offset;
    int min, max;
} numbers[] = {
    {"ttl", G_STRUCT_OFFSET(ProbeOptions, ttl), 1, 255},
    {"port", G_STRUCT_OFFSET(ProbeOptions, port), 1, 65535},
    {"local_port", G_STRUCT_OFFSET(ProbeOptions, local_port), 1024, 65535},
    {"size", G_STRUCT_OFFSET(ProbeOptions, size), 0, 9000},
    {"bit_pattern", G_STRUCT_OFFSET(ProbeOptions, bit_pattern), 0, 255},
    {"tos", G_STRUCT_OFFSET(ProbeOptions, tos), 0, 255},
};

static void assert_refused(const char *key, char type, int64_t value, const char *shown)
{
    ProbeOptions options;
    Failure failure;

    g_assert_cmpint(read_integer(key, type, value, &options, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_nonnull(strstr(failure.message, key));
    g_assert_nonnull(strstr(failure.message, shown));
    g_assert_nonnull(strstr(failure.message, "expected"));
}

/* Both ends of every range, and one beyond each. */
static void test_ranges(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        ProbeOptions options;
        Failure failure;
        char below[16], above[16];

        g_assert_cmpint(read_integer(numbers[i].key, 'i', numbers[i].min, &options, &failure), ==,
                        0);
        g_assert_cmpint(G_STRUCT_MEMBER(int, &options, numbers[i].offset), ==, numbers[i].min);
        g_assert_cmpint(read_integer(numbers[i].key, 'i', numbers[i].max, &options, &failure), ==,
                        0);
        g_assert_cmpint(G_STRUCT_MEMBER(int, &options, numbers[i].offset), ==, numbers[i].max);

        g_snprintf(below, sizeof(below), " %d,", numbers[i].min - 1);
        g_snprintf(above, sizeof(above), " %d,", numbers[i].max + 1);
        assert_refused(numbers[i].key, 'i', numbers[i].min - 1, below);
        assert_refused(numbers[i].key, 'i', numbers[i].max + 1, above);
        assert_refused(numbers[i].key, 'x', INT64_MIN, "-9223372036854775808");
        assert_refused(numbers[i].key, 'x', INT64_MAX, "9223372036854775807");
        assert_refused(numbers[i].key, 't', -1, "18446744073709551615");
        assert_refused(numbers[i].key, 'i', INT32_MIN, "-2147483648");
        assert_refused(numbers[i].key, 'u', -1, "4294967295");
        /* what would be right, if only the low bits counted */
        assert_refused(numbers[i].key, 'x', 0x100000000 + numbers[i].min, "42949");
    }

    for (int version = 3; version <= 7; version++) {
        ProbeOptions options;
        Failure failure;
        int r = read_integer("ip_version", 'i', version, &options, &failure);

        if (version == 4 || version == 6) {
            g_assert_cmpint(r, ==, 0);
            g_assert_cmpint(options.ip_version, ==, version);
        } else {
            g_assert_cmpint(r, ==, OUTCOME_INVALID_ARGS);
            g_assert_nonnull(strstr(failure.message, "4 or 6"));
        }
    }
}

static void test_integer_types(void)
{
    for (const char *type = "ynqiuxt"; *type; type++) {
        ProbeOptions options;
        Failure failure;

        g_assert_cmpint(read_integer("ttl", *type, 7, &options, &failure), ==, 0);
        g_assert_cmpint(options.ttl, ==, 7);
        g_assert_cmpint(read_integer("ip_version", *type, 6, &options, &failure), ==, 0);
        g_assert_cmpint(options.ip_version, ==, 6);
    }
    assert_refused("ttl", 'n', -1, "-1");
    assert_refused("ttl", 'q', 256, "256");
    assert_refused("ttl", 'y', 0, " 0,");
}

/* Every key with a value of every type that is not its own. */
static void test_wrong_types(void)
{
    static const char *const keys[] = {"ip_version", "protocol",    "ttl", "port", "local_port",
                                       "timeout",    "bit_pattern", "tos", "size", "local_ip"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        bool is_string = strcmp(keys[i], "protocol") == 0 || strcmp(keys[i], "local_ip") == 0,
             is_timeout = strcmp(keys[i], "timeout") == 0;

        for (const char *type = "bsogdyxvahr"; *type; type++) {
            sd_bus_message *message;
            ProbeOptions options;
            Failure failure;

            if (is_string ? *type == 's' : (strchr("yx", *type) || (is_timeout && *type == 'd')))
                continue;

            message = options_new();
            switch (*type) {
            case 'b':
                ADD(message, keys[i], "b", 1);
                break;
            case 's':
                ADD(message, keys[i], "s", "4");
                break;
            case 'o':
                ADD(message, keys[i], "o", "/4");
                break;
            case 'g':
                ADD(message, keys[i], "g", "i");
                break;
            case 'd':
                ADD(message, keys[i], "d", 4.0);
                break;
            case 'y':
                ADD(message, keys[i], "y", 4);
                break;
            case 'x':
                ADD(message, keys[i], "x", (int64_t)4);
                break;
            case 'h':
                ADD(message, keys[i], "h", 0);
                break;
            case 'v':
                g_assert_cmpint(sd_bus_message_append(message, "{sv}", keys[i], "v", "v", "i", 4),
                                >=, 0);
                break;
            case 'a':
                g_assert_cmpint(sd_bus_message_append(message, "{sv}", keys[i], "ai", 1, 4), >=, 0);
                break;
            case 'r':
                g_assert_cmpint(sd_bus_message_append(message, "{sv}", keys[i], "(i)", 4), >=, 0);
                break;
            }

            g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
            g_assert_nonnull(strstr(failure.message, keys[i]));
            g_assert_nonnull(strstr(failure.message, "type"));
        }
    }
}

static void test_protocols(void)
{
    static const char *const names[] = {"icmp", "udp", "tcp", "sctp"};
    static const char *const wrong[] = {"", "ICMP", "icmp ", "icmp\n", "6"};
    ProbeOptions options;
    Failure failure;

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        sd_bus_message *message = options_new();

        ADD(message, "protocol", "s", names[i]);
        g_assert_cmpint(options_read(message, &options, &failure), ==, 0);
        g_assert_cmpint(options.protocol, ==, i);
        g_assert_cmpstr(probe_protocol_name(options.protocol), ==, names[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        sd_bus_message *message = options_new();

        ADD(message, "protocol", "s", wrong[i]);
        g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
    }
}

static int read_seconds(double seconds, ProbeOptions *ret, Failure *failure)
{
    sd_bus_message *message = options_new();

    ADD(message, "timeout", "d", seconds);
    return options_read(message, ret, failure);
}

static void test_timeouts(void)
{
    static const struct {
        double seconds;
        uint64_t usec;
    } right[] = {{0, 0},         {-0.0, 0},      {0.5, 500000},
                 {0.0000014, 1}, {1.1, 1100000}, {59.9999999, 60000000},
                 {60, 60000000}};
    static const double wrong[] = {-0.001, -1, 60.001, 61, 1e300, -1e300, INFINITY, -INFINITY, NAN};
    ProbeOptions options;
    Failure failure;

    for (unsigned i = 0; i < G_N_ELEMENTS(right); i++) {
        g_assert_cmpint(read_seconds(right[i].seconds, &options, &failure), ==, 0);
        g_assert_cmpuint(options.timeout_usec, ==, right[i].usec);
    }

    g_assert_cmpint(read_integer("timeout", 'i', 0, &options, &failure), ==, 0);
    g_assert_cmpuint(options.timeout_usec, ==, 0);
    g_assert_cmpint(read_integer("timeout", 'i', 60, &options, &failure), ==, 0);
    g_assert_cmpuint(options.timeout_usec, ==, 60000000);
    assert_refused("timeout", 'i', -1, " -1,");
    assert_refused("timeout", 'i', 61, " 61,");
    assert_refused("timeout", 't', -1, "18446744073709551615");

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_cmpint(read_seconds(wrong[i], &options, &failure), ==, OUTCOME_INVALID_ARGS);
        g_assert_nonnull(strstr(failure.message, "timeout"));
    }
}

/* Each protocol with each option that only some have. */
static void test_cross_checks(void)
{
    static const struct {
        const char *key;
        const char *protocols; /* that have it */
    } cases[] = {{"port", "udp tcp sctp"}, {"local_port", "udp"}, {"size", "icmp udp"}};
    static const char *const protocols[] = {"icmp", "udp", "tcp", "sctp"};

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(protocols); j++) {
            /* the protocol may come before or after the option */
            for (unsigned before = 0; before <= 1; before++) {
                sd_bus_message *message = options_new();
                ProbeOptions options;
                Failure failure;
                bool good;
                int r;

                if (before)
                    ADD(message, "protocol", "s", protocols[j]);
                ADD(message, cases[i].key, "i", 5000);
                if (!before)
                    ADD(message, "protocol", "s", protocols[j]);

                good = strstr(cases[i].protocols, protocols[j]) != NULL;
                if (strcmp(cases[i].protocols, "udp tcp sctp") == 0)
                    good = strcmp(protocols[j], "icmp") != 0;
                r = options_read(message, &options, &failure);
                g_assert_cmpint(r, ==, good ? 0 : OUTCOME_INVALID_ARGS);
                if (!good) {
                    g_assert_nonnull(strstr(failure.message, cases[i].key));
                    g_assert_nonnull(strstr(failure.message, protocols[j]));
                }
            }
        }
    }
}

static int read_local_ip(const char *text, ProbeOptions *ret, Failure *failure)
{
    sd_bus_message *message = options_new();

    ADD(message, "local_ip", "s", text);
    return options_read(message, ret, failure);
}

static void test_local_ip(void)
{
    static const char *const wrong[] = {
        "",          "localhost",       "127.1", "fe80::1%lo", "::1 ttl 1",       "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::",    "ff02::1",    "::ffff:127.0.0.1"};
    ProbeOptions options;
    Failure failure;

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_cmpint(read_local_ip(wrong[i], &options, &failure), ==, OUTCOME_INVALID_ARGS);
        g_assert_nonnull(strstr(failure.message, "option local_ip is \""));
        g_assert_nonnull(strstr(failure.message, "of this machine is expected"));
    }

    g_assert_cmpint(read_local_ip("192.0.2.1", &options, &failure), ==, 0);
    g_assert_cmpint(options.local_ip.ip_version, ==, 4);
    g_assert_cmpint(probe_options_check_version(&options, 4, &failure), ==, 0);
    g_assert_cmpint(probe_options_check_version(&options, 6, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_cmpint(read_local_ip("2001:db8::1", &options, &failure), ==, 0);
    g_assert_cmpint(options.local_ip.ip_version, ==, 6);
    g_assert_cmpint(probe_options_check_version(&options, 6, &failure), ==, 0);
    g_assert_cmpint(probe_options_check_version(&options, 4, &failure), ==, OUTCOME_INVALID_ARGS);
}

static void test_versions(void)
{
    ProbeOptions options = PROBE_OPTIONS_INIT;
    Failure failure;

    options.protocol = PROBE_UDP;
    options.port = 53;
    g_assert_cmpint(probe_options_check_version(&options, 6, &failure), ==, 0);
    options.local_port = 5353;
    g_assert_cmpint(probe_options_check_version(&options, 4, &failure), ==, 0);
    g_assert_cmpint(probe_options_check_version(&options, 6, &failure), ==, OUTCOME_NOT_SUPPORTED);
    options.port = PROBE_OPTION_UNSET;
    g_assert_cmpint(probe_options_check_version(&options, 6, &failure), ==, 0);
}

/* A mark is a u32, in whichever integer type it comes. */
static void test_marks(void)
{
    sd_bus_message *message;
    ProbeOptions options;
    Failure failure;

    message = options_new();
    ADD(message, "mark", "u", UINT32_MAX);
    g_assert_cmpint(options_read(message, &options, &failure), ==, 0);
    g_assert_cmpuint(options.mark, ==, UINT32_MAX);

    message = options_new();
    ADD(message, "mark", "y", 0);
    g_assert_cmpint(options_read(message, &options, &failure), ==, 0);
    g_assert_cmpuint(options.mark, ==, 0);

    message = options_new();
    ADD(message, "mark", "t", (uint64_t)UINT32_MAX + 1);
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_nonnull(strstr(failure.message, "option mark is 4294967296, an integer from 0 to "
                                             "4294967295 is expected"));

    message = options_new();
    ADD(message, "mark", "i", -1);
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);

    message = options_new();
    ADD(message, "mark", "s", "1");
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
}

static void test_keys(void)
{
    sd_bus_message *message;
    ProbeOptions options;
    Failure failure;

    message = options_new();
    ADD(message, "TTL\n", "i", 1);
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_nonnull(strstr(failure.message, "TTL\\x0a"));

    message = options_new();
    ADD(message, "ttl", "i", 1);
    ADD(message, "tos", "i", 1);
    ADD(message, "ttl", "i", 1);
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
    g_assert_nonnull(strstr(failure.message, "ttl is given twice"));

    message = options_new();
    for (unsigned i = 0; i < 10000; i++)
        ADD(message, "tos", "i", 1);
    g_assert_cmpint(options_read(message, &options, &failure), ==, OUTCOME_INVALID_ARGS);
}

int main(int argc, char *argv[])
{
    int r;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/probe-options/defaults", test_defaults);
    g_test_add_func("/probe-options/ranges", test_ranges);
    g_test_add_func("/probe-options/integer-types", test_integer_types);
    g_test_add_func("/probe-options/wrong-types", test_wrong_types);
    g_test_add_func("/probe-options/protocols", test_protocols);
    g_test_add_func("/probe-options/timeouts", test_timeouts);
    g_test_add_func("/probe-options/cross-checks", test_cross_checks);
    g_test_add_func("/probe-options/local-ip", test_local_ip);
    g_test_add_func("/probe-options/versions", test_versions);
    g_test_add_func("/probe-options/marks", test_marks);
    g_test_add_func("/probe-options/keys", test_keys);

    open_bus();
    r = g_test_run();
    close_bus();
    return r;
}
