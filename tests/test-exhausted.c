/* SPDX-License-Identifier: MIT */

/* The service where the kernel gives it no more: processes and threads, or descriptors. Each call
 * that would need one is answered with an error that says so, nothing is lost on the way, and when
 * there are some again all is as before. */

#include "fixture.h"

/* prlimit as the service's user: not even root may do this to another. To be freed. */
static char *prlimit_service(const Fixture *fixture, const char *option)
{
    g_autofree char *pid = g_strdup_printf("--pid=%d", fixture->service_pid);
    const char *const argv[] = {
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", pid,
        option,    "--output=SOFT", "--noheadings",  "--raw",          NULL};
    char *out;

    g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
    return g_strstrip(out);
}

/* Leaves the service no more of what there is a limit of, RESOURCE as prlimit has it; returns what
 * the limit was, to be given to give_back(). */
static char *take_away(const Fixture *fixture, const char *resource)
{
    g_autofree char *question = g_strdup_printf("--%s", resource);
    g_autofree char *none = g_strdup_printf("--%s=0:", resource);
    char *before = prlimit_service(fixture, question);

    g_free(prlimit_service(fixture, none));
    return before;
}

static void give_back(const Fixture *fixture, const char *resource, char *before)
{
    g_autofree char *all = g_strdup_printf("--%s=%s:", resource, before);

    g_free(prlimit_service(fixture, all));
    g_free(before);
}

static void assert_fails(GDBusConnection *connection, const char *host, const char *options,
                         const char *error, const char *part)
{
    Answer answer;

    probe_wait(&answer, connection, host, options);
    assert_error(&answer, error, part);
    answer_clear(&answer);
}

static void assert_works(GDBusConnection *connection, const char *host, const char *options)
{
    Answer answer;

    probe_wait(&answer, connection, host, options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
}

static void test_processes(void)
{
    static const char full[] = "Resource temporarily unavailable";
    Fixture fixture;
    char *before;

    fixture_start(&fixture, NULL);
    before = take_away(&fixture, "nproc");
    assert_fails(fixture.root, "127.0.0.1", NULL, ERROR_PROCESS, full);
    assert_fails(fixture.root, "both.test", NULL, ERROR_HOST_RESOLVE, full);

    give_back(&fixture, "nproc", before);
    assert_works(fixture.root, "both.test", NULL);
    fixture_stop(&fixture);
}

static void test_descriptors(void)
{
    static const char full[] = "Too many open files";
    unsigned n_descriptors;
    Fixture fixture;
    Answer answer;
    char *before;

    fixture_start(&fixture, NULL);
    get_number(fixture.root, "ProbesInFlight");
    n_descriptors = process_descriptors(fixture.service_pid);
    before = take_away(&fixture, "nofile");
    assert_fails(fixture.root, "127.0.0.1", NULL, ERROR_PROCESS, full);
    assert_fails(fixture.root, "127.0.0.1", "{'local_ip': <'127.0.0.1'>}", ERROR_NO_MEMORY, full);
    assert_fails(fixture.root, "nowhere.test", NULL, ERROR_HOST_RESOLVE, "nowhere.test");
    g_assert_cmpuint(process_descriptors(fixture.service_pid), ==, n_descriptors);

    give_back(&fixture, "nofile", before);
    assert_works(fixture.root, "127.0.0.1", "{'local_ip': <'127.0.0.1'>}");

    /* With mtr-packet there. */
    n_descriptors = process_descriptors(fixture.service_pid);
    before = take_away(&fixture, "nofile");
    assert_works(fixture.root, "127.0.0.1", NULL);
    call_start(&answer, fixture.root, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_NO_MEMORY, full);
    answer_clear(&answer);
    g_assert_cmpuint(process_descriptors(fixture.service_pid), ==, n_descriptors);

    give_back(&fixture, "nofile", before);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/exhausted/processes", test_processes);
    g_test_add_func("/exhausted/descriptors", test_descriptors);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
