/* SPDX-License-Identifier: MIT */

/*
 * bench-cold BUS [--json]: how long the first call takes, which starts the service in its unit,
 * beside starting a program that does nothing in the same: in a machine of its own, see
 * tests/bench.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "report.h"

#define ROUNDS 15

#define UNIT "/lib/systemd/system/mtrpacketd.service"
#define TRUE_UNIT "/run/systemd/system/bench-true.service"

/* The unit as it is installed, but for what is started in it and how systemd knows that it has
 * started. */
static void install_true_unit(void)
{
    const char *const reload[] = {"systemctl", "daemon-reload", NULL};
    g_autoptr(GString) unit = g_string_new(NULL);
    g_autofree char *contents = NULL;
    g_auto(GStrv) lines = NULL;

    g_assert_true(g_file_get_contents(UNIT, &contents, NULL, NULL));
    lines = g_strsplit(contents, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, "Type="))
            g_string_append(unit, "Type=oneshot\n");
        else if (g_str_has_prefix(*line, "ExecStart="))
            g_string_append(unit, "ExecStart=/bin/true\n");
        else if (!g_str_has_prefix(*line, "BusName=") && !g_str_has_prefix(*line, "Restart"))
            g_string_append_printf(unit, "%s\n", *line);
    }
    g_assert_nonnull(strstr(unit->str, "ExecStart=/bin/true\n"));
    g_assert_true(g_file_set_contents(TRUE_UNIT, unit->str, -1, NULL));
    g_assert_cmpint(fixture_command(reload, NULL, NULL), ==, 0);
}

/* How long a command takes, in milliseconds; it must succeed. */
static double run(const char *const argv[])
{
    g_autofree char *out = NULL, *err = NULL;
    gint64 before = g_get_monotonic_time();

    if (fixture_command(argv, &out, &err) != 0)
        g_error("%s: %s", argv[0], err);
    return (double)(g_get_monotonic_time() - before) / 1000;
}

int main(int argc, char *argv[])
{
    const char *const stop[] = {"systemctl", "stop", "mtrpacketd.service", NULL};
    const char *const start_true[] = {"systemctl", "start", "bench-true.service", NULL};
    const char *const probe[] = {"mtrpacketctl", "probe", "127.0.0.1", NULL};
    double cold[ROUNDS], warm[ROUNDS], nothing[ROUNDS], cold_median, nothing_median;
    bool json = argc > 2 && strcmp(argv[2], "--json") == 0, met;
    g_autofree char *title = NULL;
    Report *report;

    if (argc < 2) {
        fprintf(stderr, "usage: bench-cold BUS [--json], by tests/bench\n");
        return EXIT_FAILURE;
    }
    title = g_strdup_printf("A booted systemd with %s", argv[1]);
    report = report_new(title);

    install_true_unit();
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)run(stop);
        cold[i] = run(probe);
        warm[i] = run(probe);
        nothing[i] = run(start_true);
    }
    cold_median = median(cold, ROUNDS);
    nothing_median = median(nothing, ROUNDS);
    report_number(report, "mtrpacketctl probe 127.0.0.1, the service runs", "ms",
                  median(warm, ROUNDS));
    report_number(report, "the same where it must be started", "ms", cold_median);
    report_number(report, "systemctl start of /bin/true in the same unit", "ms", nothing_median);
    report_check(report, "the service's start above that", "ms", cold_median - nothing_median,
                 REPORT_AT_MOST, 60);

    met = report_print(report, json);
    report_free(report);
    return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
