/* SPDX-License-Identifier: MIT */

/* The rest of what mtrpacketctl shows and reads, without a bus. */

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "plain-text.h"
#include "probe-report.h"
#include "progress.h"
#include "status-report.h"
#include "style.h"
#include "syntax.h"

static void test_status(void)
{
    static const Style plain = {"", "", "", ""};
    StatusReport report = {
        .version = "1.2.3",
        .packet_version = "",
        .in_flight = 1,
        .counters = {{"probes_sent", 12}, {"errors_InteractiveAuthorizationRequired", UINT64_MAX}},
        .n_counters = 2,
    };
    g_autofree char *text = NULL, *json = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    g_assert_cmpint(status_report_print(&report, &plain, file), ==, 0);
    report.packet_version = "0.95";
    report.features[0] = "ip-4";
    report.features[1] = "udp";
    report.n_features = 2;
    g_assert_cmpint(status_report_print(&report, &plain, file), ==, 0);
    fclose(file);
    g_assert_cmpstr(text, ==,
                    "Service     mtrpacketd 1.2.3\n"
                    "mtr-packet  not started yet\n"
                    "Features    unknown\n"
                    "In flight   1 probe\n"
                    "Queued      0 probes\n"
                    "\n"
                    "STATISTIC                                               VALUE\n"
                    "probes_sent                                                12\n"
                    "errors_InteractiveAuthorizationRequired  18446744073709551615\n"
                    "Service     mtrpacketd 1.2.3\n"
                    "mtr-packet  0.95\n"
                    "Features    ip-4 udp\n"
                    "In flight   1 probe\n"
                    "Queued      0 probes\n"
                    "\n"
                    "STATISTIC                                               VALUE\n"
                    "probes_sent                                                12\n"
                    "errors_InteractiveAuthorizationRequired  18446744073709551615\n");

    report.n_counters = 1;
    file = open_memstream(&json, &size);
    g_assert_cmpint(document_write(status_report_to_json(&report), JSON_SHORT, file), ==, 0);
    fclose(file);
    g_assert_cmpstr(
        json, ==,
        "{\"schema\":1,\"kind\":\"status\",\"started\":{\"realtime_usec\":0,\"monotonic_usec\":0},"
        "\"ended\":{\"realtime_usec\":0,\"monotonic_usec\":0},\"version\":\"1.2.3\","
        "\"packet_version\":\"0.95\",\"features\":[\"ip-4\",\"udp\"],\"probes_in_flight\":1,"
        "\"probes_queued\":0,\"statistics\":{\"probes_sent\":12}}\n");
}

/* On a terminal the heading of the counters stands out. */
static void test_status_style(void)
{
    static const Style style = {.bold = "\033[1m", .end = "\033[0m"};
    StatusReport report = {
        .version = "", .packet_version = "", .counters = {{"probes_sent", 12}}, .n_counters = 1};
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    g_assert_cmpint(status_report_print(&report, &style, file), ==, 0);
    fclose(file);
    g_assert_nonnull(strstr(text, "\n\033[1mSTATISTIC"));
    g_assert_nonnull(strstr(text, "\nprobes_sent"));
}

/* What may be done about results that mean that nothing was sent. */
static void test_hints(void)
{
    static const struct {
        const char *result, *hint;
    } cases[] = {
        {"no-route", "There is no route to a.test, as it seems: see 'ip route get a.test'\n"},
        {"invalid-argument",
         "There is no route to a.test, as it seems: see 'ip route get a.test'\n"},
        {"network-down",
         "The network towards a.test is down: see 'ip route get a.test' and 'ip link'\n"},
        {"permission-denied",
         "A firewall or the kernel keeps probes to a.test in: see 'nft list ruleset'\n"},
        {"no-reply", ""},
        {"address-in-use", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ProbeReport report = {.result = cases[i].result, .responder = "", .address = "a.test"};
        g_autofree char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        probe_report_print_hint(&report, file);
        fclose(file);
        g_assert_cmpstr(text, ==, cases[i].hint);
    }
}

/* Its stdout is no terminal: colours come when they are forced only. */
static void test_style(void)
{
    static const struct {
        const char *systemd, *never;
        bool coloured;
    } cases[] = {
        {NULL, NULL, false}, {"1", NULL, true}, {"yes", "1", true},      {"0", NULL, false},
        {NULL, "1", false},  {"256", "", true}, {"nonsense", "", false},
    };

    g_setenv("TERM", "xterm", TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_unsetenv("SYSTEMD_COLORS");
        g_unsetenv("NO_COLOR");
        if (cases[i].systemd)
            g_setenv("SYSTEMD_COLORS", cases[i].systemd, TRUE);
        if (cases[i].never)
            g_setenv("NO_COLOR", cases[i].never, TRUE);
        g_assert_cmpint(*style_get().bold != '\0', ==, cases[i].coloured);
        g_assert_cmpint(*style_get().end != '\0', ==, cases[i].coloured);
    }
}

static void test_progress(void)
{
    g_autofree char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    Progress progress = {.file = file, .columns = 6};

    progress_clear(&progress); /* nothing to take away */
    progress_show(&progress, "abc");
    progress_show(&progress, "abcdef");
    progress_clear(&progress);
    progress_clear(&progress);
    fclose(file);
    g_assert_cmpstr(text, ==, "\rabc\033[K\rabcde\033[K\r\033[K");
}

/* A file is no terminal. */
static void test_no_progress(void)
{
    FILE *file = tmpfile();
    Progress progress;

    g_setenv("TERM", "xterm", TRUE);
    progress_init(&progress, file, fileno(file));
    progress_show(&progress, "abc");
    progress_clear(&progress);
    g_assert_cmpint(ftell(file), ==, 0);
    fclose(file);
}

static void test_numbers(void)
{
    uint64_t usec = 7;
    unsigned number = 7;

    g_assert_true(syntax_integer("n", "0x10", 1, 16, &number));
    g_assert_cmpuint(number, ==, 16);
    g_assert_true(syntax_integer("n", "010", 1, 16, &number));
    g_assert_cmpuint(number, ==, 10);
    g_assert_true(syntax_integer("n", "4294967295", 0, UINT32_MAX, &number));
    g_assert_cmpuint(number, ==, UINT32_MAX);
    g_assert_true(syntax_seconds("n", "0.25", 0, 1, &usec));
    g_assert_cmpuint(usec, ==, 250000);
    g_assert_true(syntax_seconds("n", "1", 0, 1, &usec));
    g_assert_cmpuint(usec, ==, 1000000);
}

static void test_wrong_numbers(void)
{
    static const char *const wrong[] = {
        "", "x", "1x", "0x", "17", "-1", "0", "1.5", " 1", "0b1", "18446744073709551617"};
    static const char *const wrong_seconds[] = {"",      "nan",  "inf", "1e3",
                                                "1.5.5", "-0.5", "0",   "17"};
    unsigned number = 7;
    uint64_t usec = 7;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*option n is '17', a whole number from 1 to 16 is expected\n*");
        g_test_trap_assert_stderr(
            "*option n is '0', a number of seconds from 0.1 to 16 is expected\n*");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(syntax_integer("n", wrong[i], 1, 16, &number));
    for (size_t i = 0; i < G_N_ELEMENTS(wrong_seconds); i++)
        g_assert_false(syntax_seconds("n", wrong_seconds[i], 0.1, 16, &usec));
    g_assert_cmpuint(number, ==, 7);
    g_assert_cmpuint(usec, ==, 7);
}

static void test_plain_text(void)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        {"", ""},
        {"reply from b\xc3\xbc"
         "cher.test\xe2\x82\xac",
         "reply from b\xc3\xbc"
         "cher.test\xe2\x82\xac"},
        {"\033]0;x\a\n\r\x7f", "\\x1b]0;x\\x07\\x0a\\x0d\\x7f"},
        {"\xc2\x9b"
         "31m\xc2\xa0",
         "\\xc2\\x9b31m\xc2\xa0"},
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa6",
         "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6"},
        {"\xe2\x80", "\xe2\x80"}, /* cut off */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        plain_text_print(cases[i].text, file);
        fclose(file);
        g_assert_cmpstr(text, ==, cases[i].plain);
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/client-text/status", test_status);
    g_test_add_func("/client-text/status-style", test_status_style);
    g_test_add_func("/client-text/hints", test_hints);
    g_test_add_func("/client-text/style", test_style);
    g_test_add_func("/client-text/progress", test_progress);
    g_test_add_func("/client-text/no-progress", test_no_progress);
    g_test_add_func("/client-text/plain-text", test_plain_text);
    g_test_add_func("/client-text/numbers", test_numbers);
    g_test_add_func("/client-text/wrong-numbers", test_wrong_numbers);
    return g_test_run();
}
