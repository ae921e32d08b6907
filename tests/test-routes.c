/* SPDX-License-Identifier: MIT */

/* Targets that this machine's routing table says something else of than a way there. */

#include <string.h>

#include "fixture.h"
#include "stream-client.h"

/* Not those of dig_black_hole(). */
#define TARGET_4 "198.51.100.70"
#define TARGET_6 "2001:db8:9::1"

static const char *const targets[] = {TARGET_4, TARGET_6};
static const char *const protocols[] = {"icmp", "udp", "tcp"};

/* Adds or deletes routes of a kind to both. */
static void change_routes(const char *what, const char *kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_autofree char *line =
            g_strdup_printf("ip -%d route %s %s %s", i == 0 ? 4 : 6, what, kind, targets[i]);
        g_auto(GStrv) argv = g_strsplit(line, " ", -1);

        g_assert_cmpint(fixture_command((const char *const *)argv, NULL, NULL), ==, 0);
    }
}

static void start(Fixture *fixture)
{
    Answer answer;

    dig_black_hole();
    fixture_start(fixture, NULL);
    probe_wait(&answer, fixture->root, "127.0.0.1", NULL);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

/* No mtr-packet was lost by all this. */
static void stop(Fixture *fixture, const char *kind)
{
    if (kind)
        change_routes("del", kind);
    g_assert_cmpuint(get_statistic(fixture->root, "processes_lost"), ==, 0);
    fixture_stop(fixture);
    fill_black_hole();
}

/* mtr-packet asks the kernel for a source, and dies of this answer, if it gets it. */
static void test_unreachable(void)
{
    Fixture fixture;

    start(&fixture);
    change_routes("add", "unreachable");
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(protocols); j++) {
            g_autofree char *options = g_strdup_printf("{'protocol': <'%s'>}", protocols[j]);
            Answer answer;

            probe_wait(&answer, fixture.root, targets[i], options);
            assert_result(&answer, "no-route");
            g_assert_cmpstr(answer_detail(&answer, "address"), ==, targets[i]);
            answer_clear(&answer);
        }
    }
    g_assert_cmpuint(get_statistic(fixture.root, "probes_sent"), ==, 1);
    stop(&fixture, "unreachable");
}

/* With a source it does not ask, and says so itself. */
static void test_with_source(void)
{
    Fixture fixture;
    Answer answer;

    start(&fixture);
    change_routes("add", "unreachable");
    probe_wait(&answer, fixture.root, TARGET_4, "{'local_ip': <'192.0.2.1'>}");
    assert_result(&answer, "no-route");
    answer_clear(&answer);
    g_assert_cmpuint(get_statistic(fixture.root, "probes_sent"), ==, 2);
    stop(&fixture, "unreachable");
}

static void test_stream(void)
{
    StreamClient client;
    Fixture fixture;

    start(&fixture);
    change_routes("add", "unreachable");
    stream_open(&client, fixture.root);
    stream_say(&client, "7 send-probe ip-4 " TARGET_4 "\n8 send-probe ip-6 " TARGET_6
                        " protocol tcp\n9 send-probe ip-4 127.0.0.1\n");
    stream_expect(&client, "7 no-route");
    stream_expect(&client, "8 no-route");
    stream_expect_reply(&client, 9, "127.0.0.1");
    stream_client_clear(&client);
    stop(&fixture, "unreachable");
}

/* The other ways of having none mtr-packet lives through. */
static void test_others(void)
{
    static const char *const kinds[] = {"prohibit", "blackhole", "throw"};
    Fixture fixture;

    start(&fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        change_routes("add", kinds[i]);
        for (size_t j = 0; j < G_N_ELEMENTS(targets); j++) {
            Answer answer;

            probe_wait(&answer, fixture.root, targets[j], NULL);
            assert_result(&answer, "invalid-argument");
            answer_clear(&answer);
        }
        change_routes("del", kinds[i]);
    }
    stop(&fixture, NULL);
}

/* Whether a probe's result says that there is no route. */
static bool has_no_route(GDBusConnection *connection)
{
    const char *result;
    Answer answer;
    bool no_route;

    probe_wait(&answer, connection, TARGET_4, "{'timeout': <0>}");
    g_assert_null(answer.error);
    g_variant_get_child(answer.value, 1, "&s", &result);
    no_route = strcmp(result, "no-route") == 0;
    answer_clear(&answer);
    return no_route;
}

/* What the kernel says is kept for a second: a way that has come is seen then. */
static void test_changes(void)
{
    const char *const add[] = {"ip", "route", "replace", TARGET_4, "dev", "hole", NULL};
    Fixture fixture;

    start(&fixture);
    change_routes("add", "unreachable");
    g_assert_true(has_no_route(fixture.root));
    change_routes("del", "unreachable");
    g_assert_cmpint(fixture_command(add, NULL, NULL), ==, 0);
    while (has_no_route(fixture.root))
        g_usleep(10000);
    stop(&fixture, NULL);
}

static void add_tests(void)
{
    g_test_add_func("/routes/unreachable", test_unreachable);
    g_test_add_func("/routes/with-source", test_with_source);
    g_test_add_func("/routes/stream", test_stream);
    g_test_add_func("/routes/others", test_others);
    g_test_add_func("/routes/changes", test_changes);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
