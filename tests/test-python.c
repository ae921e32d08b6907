/* SPDX-License-Identifier: MIT */

/* What a program that knows the Python package mtrpacket finds: the table in the README. */

#include <math.h>

#include "fixture.h"

static void call(Answer *answer, GDBusConnection *connection, const char *method)
{
    call_start(answer, connection, method, NULL);
    call_wait(answer);
}

static void assert_no_error(Answer *answer)
{
    g_assert_cmpstr(answer->message, ==, NULL);
    answer_clear(answer);
}

/* All of it over one connection, as one MtrPacket object would. */
static void test_api(void)
{
    g_autofree char *responder = NULL;
    g_autoptr(GVariant) mpls = NULL, details = NULL;
    gboolean success, supported;
    Fixture fixture;
    double time_ms;
    Answer answer;

    fixture_start(&fixture, NULL);

    /* async with MtrPacket() as mtr: */
    call(&answer, fixture.root, "Open");
    assert_no_error(&answer);
    call(&answer, fixture.root, "Open");
    assert_error(&answer, ERROR_STATE, "already open"); /* StateError */
    answer_clear(&answer);

    call_start(&answer, fixture.root, "CheckSupport", g_variant_new("(s)", "udp"));
    call_wait(&answer);
    g_assert_null(answer.error);
    g_variant_get(answer.value, "(b)", &supported);
    g_assert_true(supported);
    answer_clear(&answer);

    /* ProbeResult: success, result, time_ms, responder, mpls */
    probe_wait(&answer, fixture.root, "localhost", NULL);
    assert_result(&answer, "reply");
    g_variant_get(answer.value, "(bsds@a(uyby)@a{sv})", &success, NULL, &time_ms, &responder, &mpls,
                  &details);
    g_assert_true(success);
    g_assert_cmpfloat(time_ms, >, 0);
    g_assert_cmpfloat(time_ms, <, 10000);
    g_assert_cmpstr(responder, ==, answer_detail(&answer, "address"));
    g_assert_cmpuint(g_variant_n_children(mpls), ==, 0);
    answer_clear(&answer);

    /* the keywords of MtrPacket.probe(), by the same names */
    probe_wait(&answer, fixture.root, "localhost",
               "{'ip_version': <4>, 'ttl': <64>, 'protocol': <'udp'>, 'port': <7>, "
               "'local_ip': <'127.0.0.2'>, 'local_port': <12345>, 'timeout': <3>, 'size': <128>, "
               "'bit_pattern': <255>, 'tos': <16>, 'mark': <7>}");
    assert_result(&answer, "reply");
    answer_clear(&answer);

    probe_wait(&answer, fixture.root, "nowhere.test", NULL);
    assert_error(&answer, ERROR_HOST_RESOLVE, "nowhere.test"); /* HostResolveError */
    answer_clear(&answer);

    call(&answer, fixture.root, "Close");
    assert_no_error(&answer);
    call(&answer, fixture.root, "Close");
    assert_error(&answer, ERROR_STATE, "not open");
    answer_clear(&answer);
    fixture_stop(&fixture);
}

/* ProcessError, in open() and in what does without it. */
static void test_process_error(const void *argument)
{
    Fixture fixture;
    Answer answer;

    fixture_start(&fixture, argument);
    call(&answer, fixture.root, "Open");
    assert_error(&answer, ERROR_PROCESS, argument);
    answer_clear(&answer);
    call(&answer, fixture.root, "Close");
    assert_error(&answer, ERROR_STATE, "not open"); /* it did not open */
    answer_clear(&answer);
    probe_wait(&answer, fixture.root, "localhost", NULL);
    assert_error(&answer, ERROR_PROCESS, argument);
    answer_clear(&answer);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/python/api", test_api);
    g_test_add_data_func("/python/missing", "/nowhere/mtr-packet", test_process_error);
    g_test_add_data_func("/python/true", "/bin/true", test_process_error);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
