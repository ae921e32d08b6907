/* SPDX-License-Identifier: MIT */

/*
 * bench-bus BUS [--json|--brief]: how fast the service is on a bus of this kind (daemon, allow-all
 * or broker), beside what there is without it: see tests/bench. With --brief it only shows that
 * all of it can be measured.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-rates.h"
#include "network.h"
#include "sandbox.h"

#define ROUNDS_MAX 7

static const Size whole = {15, ROUNDS_MAX, 3000, 10000, 100000, BENCH_CALLS_MAX, true};

/* As much as shows that it can be measured. */
static const Size brief = {1, 1, 100, 500, 1000, 5, false};

/* Of a flood, which does not end by itself. */
#define FLOOD 1000000000

/* How many wait, and the rows for that. */
static const unsigned waiting[] = {1, 10, 100, 1000, 8000};
static const char growth[] = "Probe over D-Bus, so many called";
static const char beside[] = "Probe, while so many wait";

static const struct {
    const char *name, *title;
    BusKind kind;
} buses[] = {
    {"allow-all", "dbus-daemon with a policy that allows everything", BUS_DAEMON_ALLOW_ALL},
    {"daemon", "dbus-daemon with the distribution's system.conf", BUS_DAEMON},
    {"broker", "dbus-broker with the distribution's system.conf", BUS_BROKER},
};

/*
 * What many that wait do to others
 */

/* Calls that wait are most of them on the bus still, and how many come to the service at a time is
 * for that to say. */
static void measure_growth(Bench *bench)
{
    Report *report = bench->report;

    for (unsigned i = 0; i < bench->size.rounds; i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(waiting); k++)
            bench_run_bus(bench, growth, &bench_probe,
                          waiting[k] == 1 ? bench->size.few : 2 * bench->size.many, waiting[k]);
    report_number(report, "the service's CPU time for each of 8000 in flight, in that of 10", "",
                  report_cost(report, growth, 8000, LOAD_COST_SERVICE) /
                      report_cost(report, growth, 10, LOAD_COST_SERVICE));
    report_number(report, "the bus's", "",
                  report_cost(report, growth, 8000, LOAD_COST_BUS) /
                      report_cost(report, growth, 10, LOAD_COST_BUS));
}

/* One user's calls, one by one, while N of another's wait in the service, which has no place for
 * them. */
static void run_beside(Bench *bench, BusLoad *busy, unsigned n)
{
    bus_load_fill(busy, &bench_hole_probe, n);
    fixture_wait_probes(&bench->scene.polkit.fixture, 500, n);
    bench_run_bus_as(bench, BENCH_OTHER_UID, beside, &bench_probe, bench->size.few, 1, n);
}

/* 500 unanswered calls hold all places that one user may have, for longer than this takes. */
static void run_all_beside(Bench *bench)
{
    BusLoad *holders = bus_load_new(0, 500), *busy[G_N_ELEMENTS(waiting)];

    bus_load_introduce(holders, &bench_probe);
    for (unsigned i = 0; i < G_N_ELEMENTS(waiting); i++) {
        busy[i] = bus_load_new(0, waiting[i]);
        bus_load_introduce(busy[i], &bench_probe);
    }

    bus_load_fill(holders, &bench_hole_probe, 500);
    for (unsigned i = 0; i < G_N_ELEMENTS(waiting); i++) {
        fixture_wait_probes(&bench->scene.polkit.fixture, 500, 0);
        run_beside(bench, busy[i], waiting[i]);
        bus_load_free(busy[i]);
    }
    bus_load_free(holders);
}

static void measure_waiting(Bench *bench)
{
    Report *report = bench->report;

    for (unsigned i = 0; i < bench->size.rounds; i++) {
        bench_scene_restart(&bench->scene, "--user-rate=1000000");
        run_all_beside(bench);
    }
    report_check(report,
                 "the service's CPU time for each while 8000 wait in it, in that while 10 do", "",
                 report_cost(report, beside, 8000, LOAD_COST_SERVICE) /
                     report_cost(report, beside, 10, LOAD_COST_SERVICE),
                 REPORT_AT_MOST, 1.2);
    report_number(report, "the bus's", "",
                  report_cost(report, beside, 8000, LOAD_COST_BUS) /
                      report_cost(report, beside, 10, LOAD_COST_BUS));
}

/* Keeps a thousand calls of the busy user's waiting until it is killed; that is this program again.
 */
static void flood(void)
{
    const GPid nobody[LOAD_COSTS] = {0};
    Load load;

    bus_load_run(bus_load_new(BENCH_BUSY_UID, 1000), &load, &bench_probe, FLOOD, 1000, nobody);
}

static GPid start_flood(Bench *bench)
{
    const char *const argv[] = {"/proc/self/exe", "--flood", NULL};
    GPid pid = fixture_spawn(argv);

    while (get_number(bench->scene.polkit.fixture.root, "ProbesQueued") < 900)
        ;
    return pid;
}

static double median_span(const Bench *bench, BusLoad *other)
{
    double spans[BENCH_CALLS_MAX];

    for (unsigned i = 0; i < bench->size.calls; i++)
        spans[i] = bus_load_span(other, &bench_probe);
    return median(spans, bench->size.calls);
}

/* The last of the others' load, however it was, is gone. */
static void wait_idle(Bench *bench)
{
    fixture_wait_probes(&bench->scene.polkit.fixture, 0, 0);
}

static double among_flood(Bench *bench, BusLoad *other)
{
    GPid pid = start_flood(bench);
    double span = median_span(bench, other);

    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    wait_idle(bench);
    return span;
}

/* 500 are in flight and answered by nobody, and 500 wait for their places. */
static double among_unanswered(Bench *bench, BusLoad *other)
{
    BusLoad *busy = bus_load_new(BENCH_BUSY_UID, 1000);
    double span;

    bus_load_introduce(busy, &bench_probe);
    bus_load_fill(busy, &bench_hole_probe, 992);
    fixture_wait_probes(&bench->scene.polkit.fixture, 500, 492);
    span = median_span(bench, other);
    bus_load_free(busy);
    return span;
}

static void measure_neighbours(Bench *bench)
{
    double idle[ROUNDS_MAX], flooded[ROUNDS_MAX], unanswered;
    BusLoad *other = bus_load_new(BENCH_OTHER_UID, 1);
    Report *report = bench->report;

    for (unsigned i = 0; i < bench->size.rounds; i++) {
        idle[i] = median_span(bench, other);
        flooded[i] = among_flood(bench, other);
    }
    unanswered = among_unanswered(bench, other);
    bus_load_free(other);

    report_number(report, "one user's single call on an idle service", "us",
                  median(idle, bench->size.rounds));
    report_check(report, "the same while another user has 1000 waiting, in that", "",
                 median(flooded, bench->size.rounds) / median(idle, bench->size.rounds),
                 REPORT_AT_MOST, 2);
    report_check(report, "the same while another user's 1000 are not answered, in that", "",
                 unanswered / median(idle, bench->size.rounds), REPORT_AT_MOST, 2);
}

/*
 * Memory, and the client
 */

static double memory_mb(GPid pid)
{
    g_autofree char *value = process_status(pid, "VmRSS");

    return g_ascii_strtod(value, NULL) / 1024;
}

/* Before anything else was asked of the service. */
static void measure_idle_memory(Bench *bench)
{
    BusLoad *bus_load = bus_load_new(0, 1);

    (void)bus_load_span(bus_load, &bench_probe);
    bus_load_free(bus_load);
    report_check(bench->report, "memory of the service, idle", "MB",
                 memory_mb(bench->scene.polkit.fixture.service_pid), REPORT_AT_MOST, 5);
}

/* With nothing else before it, so that what is there is for those that wait. */
static void measure_memory(Bench *bench)
{
    Fixture *fixture = &bench->scene.polkit.fixture;
    BusLoad *busy = bus_load_new(0, 8192 + 500);

    bus_load_introduce(busy, &bench_probe);
    bus_load_fill(busy, &bench_hole_probe, 8192);
    fixture_wait_probes(fixture, 500, 8192 - 500);
    bus_load_fill(busy, &bench_hole_probe, 500);
    fixture_wait_probes(fixture, 500, 8192);
    report_check(bench->report, "the same with 8192 waiting, and 500 in flight", "MB",
                 memory_mb(fixture->service_pid), REPORT_AT_MOST, 20);
    bus_load_free(busy);
}

static double median_exec(const Bench *bench, const char *const argv[])
{
    double spans[BENCH_CALLS_MAX];

    for (unsigned i = 0; i < bench->size.calls; i++) {
        g_autofree char *out = NULL;
        gint64 before = g_get_monotonic_time();

        g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
        spans[i] = (double)(g_get_monotonic_time() - before) / 1000;
    }
    return median(spans, bench->size.calls);
}

static void measure_client(Bench *bench)
{
    const char *const ctl[] = {g_getenv("TEST_MTRPACKETCTL"), "probe", "127.0.0.1", NULL};
    const char *const nothing[] = {"/bin/true", NULL};

    report_number(bench->report, "mtrpacketctl probe 127.0.0.1, from its start to its end", "ms",
                  median_exec(bench, ctl));
    report_number(bench->report, "/bin/true, from its start to its end", "ms",
                  median_exec(bench, nothing));
}

/* All of a trace, of a path where everybody answers: three hops, three probes each, and those
 * beyond the target. */
static void measure_trace(Bench *bench)
{
    const char *const trace[] = {g_getenv("TEST_MTRPACKETCTL"), "trace", NETWORK_TARGET_4, NULL};

    fill_black_hole();
    network_up();
    report_check(bench->report, "mtrpacketctl trace over three hops, from its start to its end",
                 "ms", median_exec(bench, trace), REPORT_AT_MOST, 50);
    network_down();
}

static int run(int argc, char *argv[])
{
    bool json = argc > 2 && strcmp(argv[2], "--json") == 0, met;
    Bench bench = {.size = argc > 2 && strcmp(argv[2], "--brief") == 0 ? brief : whole};

    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", CALL_BUS_ADDRESS, TRUE);
    for (unsigned i = 0; i < G_N_ELEMENTS(buses); i++) {
        if (strcmp(argv[1], buses[i].name) == 0) {
            bench.kind = buses[i].kind;
            bench.report = report_new(buses[i].title);
        }
    }
    if (!bench.report)
        g_error("%s: daemon, allow-all or broker is expected", argv[1]);

    bench_scene_start(&bench.scene, bench.kind);
    measure_idle_memory(&bench);
    measure_memory(&bench);
    bench_scene_restart(&bench.scene, BENCH_STAYS);
    bench_rates(&bench);
    measure_growth(&bench);
    measure_waiting(&bench);
    bench_scene_restart(&bench.scene, BENCH_STAYS);
    measure_neighbours(&bench);
    bench_scene_restart(&bench.scene, BENCH_STAYS);
    measure_client(&bench);
    measure_trace(&bench);
    bench_scene_stop(&bench.scene);

    met = report_print(bench.report, json);
    report_free(bench.report);
    return met || !bench.size.judged ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    const char *const trees[] = {g_getenv("TEST_TREE"), NULL};

    if (argc > 1 && strcmp(argv[1], "--flood") == 0) {
        flood();
        return EXIT_FAILURE;
    }
    if (argc < 2 || !trees[0]) {
        fprintf(stderr,
                "usage: bench-bus daemon|allow-all|broker [--json|--brief], by tests/bench\n");
        return EXIT_FAILURE;
    }
    return sandbox_run(argc, argv, trees, run);
}
