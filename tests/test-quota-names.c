/* SPDX-License-Identifier: MIT */

/* How many names a user may have looked up; and the limits on the command line. */

#include <signal.h>
#include <string.h>

#include "late-host.h"
#include "quota-scene.h"

/*
 * Names
 */

/* A user whose look-ups hang has so many of them, and no more; probes to addresses as before. Other
 * users look up as if nothing were, as long as there are threads. */
static void hang(const char *const options[], unsigned n, unsigned n_running, const char *message,
                 bool others_wait)
{
    GSocket *server = late_host_silent_server();
    g_autofree Answer *hanging = g_new0(Answer, n + 1);
    GDBusConnection *first, *second;
    Polkit polkit;
    Answer answer;

    quota_start(&polkit, NULL, options);
    first = fixture_connect(FIRST);
    second = fixture_connect(SECOND);
    for (unsigned i = 0; i < n + 1; i++) {
        g_autofree char *host = g_strdup_printf("host%u.hangs.test", i);

        call_start(&hanging[i], first, "Probe", probe_arguments(host, NULL));
    }
    call_wait(&hanging[n]);
    assert_error(&hanging[n], ERROR_LIMITS_EXCEEDED, message);
    g_assert_cmpuint(get_number(first, "ProbesQueued"), ==, n);
    g_assert_cmpuint(get_statistic(first, "lookups"), ==, n_running);
    assert_probe(first, "127.0.0.1", NULL);
    assert_probe(second, "127.0.0.1", NULL);

    call_start(&answer, second, "Probe", probe_arguments("four.test", NULL));
    if (others_wait) {
        assert_probe(second, "127.0.0.2", NULL); /* polkit is asked, and answers, in order */
        g_assert_cmpuint(get_statistic(first, "lookups"), ==, n_running);
        g_assert_cmpuint(get_number(first, "ProbesQueued"), ==, n + 1);
        g_assert_false(answer.done);
    } else {
        call_wait(&answer);
        assert_result(&answer, "reply");
        assert_probe(polkit.fixture.root, "six.test", NULL);
    }
    for (unsigned i = 0; i < n; i++)
        g_assert_false(hanging[i].done);

    g_assert_cmpint(fixture_end_service(&polkit.fixture, SIGTERM), ==, 0);
    call_wait(&answer);
    answer_clear(&answer);
    for (unsigned i = 0; i < n; i++) {
        call_wait(&hanging[i]);
        assert_error(&hanging[i], ERROR_CANCELLED, "stopped");
    }
    for (unsigned i = 0; i < n + 1; i++)
        answer_clear(&hanging[i]);
    fixture_disconnect(first);
    fixture_disconnect(second);
    polkit_stop(&polkit);
    g_object_unref(server);
}

static void test_names(void)
{
    static const char *const few[] = {"--user-lookups=1", "--user-lookups-waiting=3", NULL};
    static const char *const one[] = {"--lookups=1", "--user-lookups=4", NULL};

    /* However slow the machine is, they still hang when they are looked at. */
    g_assert_true(g_file_set_contents("/etc/resolv.conf",
                                      "nameserver 127.0.0.1\noptions timeout:30\n", -1, NULL));

    hang(NULL, 2 + 16, 2,
         "user 4242 has 16 names waiting to be looked up, the limit "
         "(--user-lookups-waiting=16)",
         false);
    hang(few, 1 + 3, 1, "(--user-lookups-waiting=3)", false);
    hang(one, 1 + 16, 1, "(--user-lookups-waiting=16)", true);
}

/*
 * The command line
 */

static void test_refusals(void)
{
    static const char *const options[] = {"--user-probes=0",
                                          "--user-probes=65537",
                                          "--user-rate=",
                                          "--user-rate=1000001",
                                          "--user-burst=-1",
                                          "--user-burst=+5",
                                          "--user-lookups=65",
                                          "--user-lookups=two",
                                          "--user-lookups-waiting=0x10",
                                          "--lookups= 5",
                                          "--lookups=65",
                                          "--probes-waiting=1e3",
                                          "--probes-waiting=65537",
                                          "--answer-timeout=61",
                                          "--answer-timeout=1.5",
                                          "--prompt-timeout=3601",
                                          "--prompt-timeout=1\n\x1b",
                                          "--user-probes=99999999999999999999"};

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), options[i],
                                    NULL};
        g_autofree char *out = NULL, *err = NULL,
                        *name = g_strndup(options[i], strcspn(options[i], "=") + 1);

        g_assert_cmpint(fixture_command(argv, &out, &err), ==, 1);
        g_assert_cmpstr(out, ==, "");
        if (!strstr(err, name) || !strstr(err, ": a whole number from 1 to "))
            g_error("\"%s\" does not say what is wrong with %s", err, options[i]);
        g_assert_true(strchr(err, '\n') == err + strlen(err) - 1); /* one line */
        g_assert_null(strchr(err, '\x1b'));
    }
}

/* Each is in --help, with its default. */
static void test_help(void)
{
    static const struct {
        const char *option;
        unsigned max, initial;
    } rows[] = {
        {"--user-probes=N", 65536, 1024},        {"--user-rate=N", 1000000, 1000},
        {"--user-burst=N", 1000000, 1000},       {"--user-lookups=N", 64, 2},
        {"--user-lookups-waiting=N", 1024, 16},  {"--lookups=N", 64, 8},
        {"--probes-waiting=N", 65536, 8192},     {"--answer-timeout=SECONDS", 60, 20},
        {"--prompt-timeout=SECONDS", 3600, 120}, {"--burst=N", 8, 5},
    };
    const char *const argv[] = {fixture_program("TEST_MTRPACKETD", "mtrpacketd"), "--help", NULL};
    g_autofree char *out = NULL, *err = NULL;

    g_assert_cmpint(fixture_command(argv, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *range =
            g_strdup_printf("(1 to %u; default: %u)", rows[i].max, rows[i].initial);
        const char *option = strstr(out, rows[i].option);
        const char *next = option ? strstr(option + 1, "\n     --") : NULL;
        g_autofree char *section =
            option ? g_strndup(option, next ? (size_t)(next - option) : strlen(option)) : NULL;

        if (!section || !strstr(section, range))
            g_error("%s with \"%s\" is not in:\n%s", rows[i].option, range, out);
    }
}

static void add_tests(void)
{
    fixture_add_user("mtrpacketd-test-second", SECOND);
    g_test_add_func("/quota-names/names", test_names);
    g_test_add_func("/quota-names/refusals", test_refusals);
    g_test_add_func("/quota-names/help", test_help);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
