/* SPDX-License-Identifier: MIT */

/* mtrpacketctl trace: which hops it shows, and how. */

#include <stdio.h>
#include <string.h>

#include "client-run.h"
#include "fake-packet.h"
#include "fixture.h"
#include "network-pair.h"
#include "user-program.h"

/* Appends the line of a hop whose N probes all had this result. */
static void add_hop(GString *hops, unsigned ttl, unsigned n, const char *result,
                    const char *responder)
{
    g_string_append_printf(hops, "%u", ttl);
    for (unsigned i = 0; i < n; i++)
        g_string_append_printf(hops, " %s@%s", result, responder);
    g_string_append_c(hops, '\n');
}

/* The hops from FIRST to LAST on the way to the target, N probes each; to be freed. */
static char *way(int ip_version, unsigned first, unsigned last, unsigned n)
{
    const Pair responders[] = {router1, router2, target};
    GString *hops = g_string_new(NULL);

    for (unsigned ttl = first; ttl <= last; ttl++)
        add_hop(hops, ttl, n, ttl < 3 ? "ttl-expired" : "reply",
                of(responders[ttl - 1], ip_version));
    return g_string_free(hops, FALSE);
}

/* Traces, and checks the hops, whether the target was reached, and that nothing is missing. */
static void assert_trace(const char *arguments, const char *hops, bool is_reached)
{
    json_t *document = client_document(arguments, is_reached ? 0 : 1);
    g_autofree char *found = document_hops(document);

    g_assert_cmpstr(found, ==, hops);
    g_assert_true(json_is_boolean(json_object_get(document, "reached")));
    g_assert_cmpint(json_is_true(json_object_get(document, "reached")), ==, is_reached);
    g_assert_true(json_is_true(json_object_get(document, "complete")));
    json_decref(document);
}

/*
 * Hops
 */

static void hops(Fixture *fixture)
{
    static const char *const kinds[] = {
        "--protocol=icmp",
        "--protocol=udp",
        "--protocol=tcp --port=" G_STRINGIFY(NETWORK_OPEN_PORT),
        "--protocol=tcp --port=" G_STRINGIFY(NETWORK_CLOSED_PORT),
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
            g_autofree char *arguments =
                g_strdup_printf("trace %s %s", kinds[k], of(target, ip_versions[v]));
            g_autofree char *expected = way(ip_versions[v], 1, 3, 3);

            assert_trace(arguments, expected, true);
        }
}

static void test_hops(void)
{
    client_in_network(hops);
}

static void head(Fixture *fixture)
{
    json_t *document = client_document("trace -n " NETWORK_TARGET_4, 0);

    g_assert_cmpstr(json_string_value(json_object_get(document, "host")), ==, NETWORK_TARGET_4);
    g_assert_cmpstr(json_string_value(json_object_get(document, "address")), ==, NETWORK_TARGET_4);
    g_assert_cmpuint(json_object_size(json_object_get(document, "names")), ==, 0);
    /* Each probe is within the whole, and its time within what it took. */
    for (size_t hop = 0; hop < 3; hop++)
        for (size_t i = 0; i < 3; i++) {
            const json_t *probe = document_probe(document, hop, i);
            double ms = json_real_value(json_object_get(probe, "time_ms"));

            g_assert_cmpint(document_moment(probe, "started"), >=,
                            document_moment(document, "started"));
            g_assert_cmpint(document_moment(probe, "ended"), <=,
                            document_moment(document, "ended"));
            g_assert_cmpfloat(ms, >, 0);
            g_assert_cmpfloat(ms, <, (double)document_usec(probe) / 1000);
        }
    json_decref(document);
}

static void test_head(void)
{
    client_in_network(head);
}

/* Nobody answers behind the second router: to the last hop. */
static void silent(Fixture *fixture)
{
    for (unsigned v = 0; v < G_N_ELEMENTS(ip_versions); v++) {
        g_autofree char *arguments =
            g_strdup_printf("trace -n --max-ttl=6 --timeout=1 %s", of(hole, ip_versions[v]));
        g_autofree char *routers = way(ip_versions[v], 1, 2, 3);
        g_autoptr(GString) expected = g_string_new(routers);

        for (unsigned ttl = 3; ttl <= 6; ttl++)
            add_hop(expected, ttl, 3, "no-reply", "");
        assert_trace(arguments, expected->str, false);
    }
    client_assert("trace -n --max-ttl=4 --timeout=1 " NETWORK_HOLE_4, 1,
                  "trace to 198\\.51\\.100\\.79, up to 4 hops\n"
                  " 1  192\\.0\\.2\\.2" CLIENT_MS3 "\n"
                  " 2  198\\.51\\.100\\.2" CLIENT_MS3 "\n"
                  " 3  \\*  \\*  \\*\n"
                  " 4  \\*  \\*  \\*\n",
                  "");
}

static void test_silent(void)
{
    client_in_network(silent);
}

/* Which hops, and how many probes of each. */
static void options(Fixture *fixture)
{
    static const struct {
        const char *options;
        unsigned first, last, queries;
    } cases[] = {
        {"--first-ttl=2", 2, 3, 3},
        {"--first-ttl=3 --max-ttl=3", 3, 3, 3},
        {"--max-ttl=1", 1, 1, 3},
        {"--max-ttl=2", 1, 2, 3},
        {"--max-ttl=3 --queries=1", 1, 3, 1},
        {"--queries=100 --max-ttl=255", 1, 3, 100},
    };
    g_autoptr(GString) beyond = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *arguments =
            g_strdup_printf("trace -n %s %s", cases[i].options, NETWORK_TARGET_4);
        g_autofree char *expected = way(4, cases[i].first, cases[i].last, cases[i].queries);

        assert_trace(arguments, expected, cases[i].last == 3);
    }

    add_hop(beyond, 7, 3, "reply", NETWORK_TARGET_4);
    assert_trace("trace -n --first-ttl=7 " NETWORK_TARGET_4, beyond->str, true);
    client_assert("trace -n --max-ttl=1 --queries=1 " NETWORK_TARGET_4, 1,
                  "trace to 198\\.51\\.100\\.66, up to 1 hop\n 1  192\\.0\\.2\\.2  " CLIENT_MS "\n",
                  "");
}

static void test_options(void)
{
    client_in_network(options);
}

static void refusals(Fixture *fixture)
{
    static const char *const cases[][2] = {
        {"--first-ttl=0", "option first-ttl is '0', a whole number from 1 to 255 is expected"},
        {"--max-ttl=256", "option max-ttl is '256', a whole number from 1 to 255 is expected"},
        {"--first-ttl=5 --max-ttl=4",
         "option first-ttl is 5, no more than max-ttl, which is 4, is expected"},
        {"--queries=101", "option queries is '101', a whole number from 1 to 100 is expected"},
        {"--interval=-1",
         "option interval is '-1', a number of seconds from 0 to 3600 is expected"},
        {"--interval=nan",
         "option interval is 'nan', a number of seconds from 0 to 3600 is expected"},
        {"--ttl=3", "mtrpacketctl: unrecognized option '--ttl=3'"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *arguments = g_strdup_printf("trace %s %s", cases[i][0], NETWORK_TARGET_4);
        g_autofree char *said = g_strdup_printf("%s\n", cases[i][1]);

        client_assert(arguments, 2, "", said);
    }
}

/* What is said of all its probes is said once. */
static void said_once(Fixture *fixture)
{
    g_auto(GStrv) argv = client_argv("trace " NETWORK_TARGET_4);
    g_autofree char *out = NULL, *err = NULL;

    client_assert("trace nowhere.test", 4, "", ".*\"nowhere.test\" has no address.*\n");
    client_assert("trace -4 " NETWORK_TARGET_6, 4, "", ".* is an IPv6 address, .*\n");
    client_assert("trace --tos=256 " NETWORK_TARGET_4, 2, "", "option tos is 256, .*\n");
    g_assert_cmpint(user_command(FIXTURE_OTHER_UID, NULL, (const char *const *)argv, &out, &err),
                    ==, 3);
    g_assert_cmpstr(out, ==, "");
    g_assert_true(g_str_has_prefix(err, "user 4242 may not send probes: "));
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
}

static void test_said_once(void)
{
    client_in_network(said_once);
}

static void test_refusals(void)
{
    client_in_network(refusals);
}

/*
 * Ends other than the target
 */

/* A router that knows no way on says so, and the trace ends there at once. (That a probe was
 * prohibited, mtr-packet 0.95 passes over.) */
static void dead_end(Fixture *fixture)
{
    network_run("router2", "ip route add unreachable 198.51.100.70");
    network_run("router2", "ip route add unreachable 2001:db8:3::7");

    client_assert("trace -n 198.51.100.70 --timeout=60", 1,
                  "trace to 198\\.51\\.100\\.70, up to 30 hops\n"
                  " 1  192\\.0\\.2\\.2" CLIENT_MS3 "\n"
                  " 2  198\\.51\\.100\\.2  " CLIENT_MS "  no-route  " CLIENT_MS
                  "  no-route  " CLIENT_MS "  no-route\n",
                  "");
    assert_trace("trace -n 2001:db8:3::7 --timeout=60 --queries=1",
                 "1 ttl-expired@" NETWORK_ROUTER1_6 "\n2 no-route@" NETWORK_ROUTER2_6 "\n", false);
}

static void test_dead_end(void)
{
    client_in_network(dead_end);
}

/* Where this machine itself knows no way, it is said once what may help. */
static void test_no_route(void)
{
    Fixture fixture;

    fixture_start(&fixture, NULL);
    client_assert("trace -n 198.51.100.66 --timeout=60", 1,
                  "trace to 198\\.51\\.100\\.66, up to 30 hops\n"
                  " 1  invalid-argument  invalid-argument  invalid-argument\n",
                  "There is no route to 198\\.51\\.100\\.66, as it seems: "
                  "see 'ip route get 198\\.51\\.100\\.66'\n");
    fixture_stop(&fixture);
}

/*
 * What only a fake can say
 */

/* Several responders of one hop, label stacks, and losses. */
static void test_shapes(void)
{
    g_autofree char *trace =
        g_strdup_printf("trace -n --timeout=1 --bit-pattern=%d 127.0.0.1", FAKE_ROUTE);
    Fixture fixture;

    fixture_start(&fixture, fixture_program("TEST_FAKE_PACKET", "fake"));
    client_assert(trace, 0,
                  "trace to 127\\.0\\.0\\.1, up to 30 hops\n"
                  " 1  10\\.0\\.1\\.1  0\\.001 ms  0\\.001 ms  0\\.001 ms\n"
                  " 2  10\\.0\\.2\\.1  0\\.001 ms  0\\.001 ms\n"
                  "      mpls label 16004 tc 5 s 0 ttl 254, label 3 tc 0 s 1 ttl 1\n"
                  "      mpls label 17 tc 0 s 1 ttl 1\n"
                  "    10\\.0\\.2\\.2  0\\.001 ms\n"
                  " 3  10\\.0\\.3\\.2  \\*  0\\.001 ms  \\*\n"
                  " 4  \\*  \\*  \\*\n"
                  " 5  127\\.0\\.0\\.1  0\\.001 ms  0\\.001 ms  0\\.001 ms\n",
                  "");
    assert_trace(trace,
                 "1 ttl-expired@10.0.1.1 ttl-expired@10.0.1.1 ttl-expired@10.0.1.1\n"
                 "2 ttl-expired@10.0.2.1 ttl-expired@10.0.2.2 ttl-expired@10.0.2.1\n"
                 "3 no-reply@ ttl-expired@10.0.3.2 no-reply@\n"
                 "4 no-reply@ no-reply@ no-reply@\n"
                 "5 reply@127.0.0.1 reply@127.0.0.1 reply@127.0.0.1\n",
                 true);
    fixture_stop(&fixture);
}

/*
 * Names
 */

static void add_hosts(const char *lines)
{
    FILE *file = fopen("/etc/hosts", "a");

    g_assert_nonnull(file);
    g_assert_cmpint(fputs(lines, file), >=, 0);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void names(Fixture *fixture)
{
    static const char with_names[] = "trace to target\\.test \\(198\\.51\\.100\\.66\\), up to 30 "
                                     "hops\n"
                                     " 1  router1\\.test \\(192\\.0\\.2\\.2\\)" CLIENT_MS3 "\n"
                                     " 2  198\\.51\\.100\\.2" CLIENT_MS3 "\n"
                                     " 3  target\\.test \\(198\\.51\\.100\\.66\\)" CLIENT_MS3 "\n";
    static const char without[] = "trace to target\\.test \\(198\\.51\\.100\\.66\\), up to 30 "
                                  "hops\n"
                                  " 1  192\\.0\\.2\\.2" CLIENT_MS3 "\n"
                                  " 2  198\\.51\\.100\\.2" CLIENT_MS3 "\n"
                                  " 3  198\\.51\\.100\\.66" CLIENT_MS3 "\n";
    json_t *document, *found;

    client_assert("trace target.test", 0, with_names, "");
    client_assert("trace -n target.test", 0, without, "");
    client_assert("trace --numeric target.test", 0, without, "");

    document = client_document("trace target.test", 0);
    found = json_object_get(document, "names");
    g_assert_cmpstr(json_string_value(json_object_get(document, "host")), ==, "target.test");
    g_assert_cmpstr(json_string_value(json_object_get(document, "address")), ==, NETWORK_TARGET_4);
    g_assert_cmpuint(json_object_size(found), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(found, NETWORK_ROUTER1_4)), ==,
                    "router1.test");
    g_assert_cmpstr(json_string_value(json_object_get(found, NETWORK_TARGET_4)), ==, "target.test");
    json_decref(document);
}

/* A name comes from whoever owns the address. One with more in it than a name has does not get to
 * the terminal. */
static void test_names(void)
{
    add_hosts(NETWORK_ROUTER1_4 " router1.test\n" NETWORK_ROUTER2_4
                                " router2\033[2J.test\n" NETWORK_TARGET_4 " target.test\n");
    client_in_network(names);
}

static void add_tests(void)
{
    g_test_add_func("/trace/hops", test_hops);
    g_test_add_func("/trace/head", test_head);
    g_test_add_func("/trace/silent", test_silent);
    g_test_add_func("/trace/options", test_options);
    g_test_add_func("/trace/refusals", test_refusals);
    g_test_add_func("/trace/said-once", test_said_once);
    g_test_add_func("/trace/dead-end", test_dead_end);
    g_test_add_func("/trace/no-route", test_no_route);
    g_test_add_func("/trace/shapes", test_shapes);
    g_test_add_func("/trace/names", test_names);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
