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

#include "bench-scene.h"
#include "pace.h"
#include "pipe-load.h"
#include "report.h"
#include "sandbox.h"

#define ROUNDS_MAX 7
#define CALLS_MAX 100

/* How much is measured. */
typedef struct Size {
    unsigned rate_rounds; /* of all loads that are compared by their rates, in turn */
    unsigned rounds;      /* of the others */
    unsigned few, many;   /* probes in a load, in flight one at a time or many */
    unsigned very_many;   /* in that which is to show false losses */
    unsigned calls;       /* of which the median is looked at, CALLS_MAX at most */
    bool judged;          /* whether the limits count */
} Size;

static const Size whole = {15, ROUNDS_MAX, 3000, 10000, 100000, CALLS_MAX, true};

/* As much as shows that it can be measured. */
static const Size brief = {1, 1, 100, 500, 1000, 5, false};

#define PIPE_IN_FLIGHT 512

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

typedef struct Bench {
    Size size;
    BusKind kind;
    Report *report;
    BenchScene scene;
} Bench;

/*
 * Rates
 */

static void run_pipe(Bench *bench, const char *name, const char *const argv[], LoadCost cost,
                     unsigned n, unsigned in_flight, unsigned burst)
{
    PipeLoad pipe_load;
    Load load;

    pipe_load_start(&pipe_load, argv);
    pipe_load_run(&pipe_load, &load, cost, n, in_flight, burst);
    report_add(bench->report, name, in_flight, &load);
    load_clear(&load);
    pipe_load_stop(&pipe_load);
}

static void run_pipes(Bench *bench)
{
    const char *const packet[] = {"mtr-packet", NULL};
    const char *const relay[] = {g_getenv("TEST_RELAY"), "mtr-packet", NULL};

    run_pipe(bench, "bare pipe", packet, LOAD_COST_PACKET, bench->size.few, 1, 0);
    run_pipe(bench, "bare pipe, unpaced", packet, LOAD_COST_PACKET, bench->size.many,
             PIPE_IN_FLIGHT, 0);
    run_pipe(bench, "bare pipe, paced", packet, LOAD_COST_PACKET, bench->size.many, PIPE_IN_FLIGHT,
             PACE_BURST_DEFAULT);
    run_pipe(bench, "empty relay", relay, LOAD_COST_SERVICE, bench->size.few, 1, 0);
    run_pipe(bench, "empty relay, paced", relay, LOAD_COST_SERVICE, bench->size.many,
             PIPE_IN_FLIGHT, PACE_BURST_DEFAULT);
}

/* The row is called @name and @number. */
static void run_bus_as(Bench *bench, uid_t uid, const char *name, const BusLoadCall *call,
                       unsigned n, unsigned in_flight, unsigned number)
{
    const Fixture *fixture = &bench->scene.polkit.fixture;
    const GPid processes[LOAD_COSTS] = {
        [LOAD_COST_SERVICE] = call == &bench_empty ? bench->scene.empty_pid : fixture->service_pid,
        [LOAD_COST_BUS] = fixture->bus.broker_pid,
    };
    BusLoad *bus_load = bus_load_new(uid, in_flight);
    Load load;

    bus_load_run(bus_load, &load, call, n, in_flight, processes);
    report_add(bench->report, name, number, &load);
    load_clear(&load);
    bus_load_free(bus_load);
}

static void run_bus(Bench *bench, const char *name, const BusLoadCall *call, unsigned n,
                    unsigned in_flight)
{
    run_bus_as(bench, 0, name, call, n, in_flight, in_flight);
}

static void run_buses(Bench *bench)
{
    run_bus(bench, "empty method over D-Bus", &bench_empty, bench->size.few, 1);
    run_bus(bench, "empty method over D-Bus", &bench_empty, bench->size.many, 100);
    run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.few, 1);
    run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 8);
    run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 32);
    run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 100);
}

static void measure_rates(Bench *bench)
{
    Report *report = bench->report;
    double rate, pipe_rate;

    for (unsigned i = 0; i < bench->size.rate_rounds; i++) {
        run_pipes(bench);
        run_buses(bench);
    }
    run_bus(bench, "Probe over D-Bus, very many", &bench_probe, bench->size.very_many,
            PIPE_IN_FLIGHT);

    rate = report_rate(report, "Probe over D-Bus", 100);
    pipe_rate = report_rate(report, "bare pipe, unpaced", PIPE_IN_FLIGHT);
    if (bench->kind == BUS_DAEMON) {
        report_number(report, "rate of 100 in flight, in that of the bare pipe", "",
                      rate / pipe_rate);
        report_check(report, "rate of 100 in flight, in that of an empty method", "",
                     rate / report_rate(report, "empty method over D-Bus", 100), REPORT_AT_LEAST,
                     0.6);
    } else {
        report_check(report, "rate of 100 in flight, in that of the bare pipe", "",
                     rate / pipe_rate, REPORT_AT_LEAST, 0.45);
        report_number(report, "rate of 100 in flight, in that of an empty method", "",
                      rate / report_rate(report, "empty method over D-Bus", 100));
    }
    report_check(report, "their median round trip, in that of the bare pipe", "",
                 report_median(report, "Probe over D-Bus", 100) /
                     report_median(report, "bare pipe, unpaced", PIPE_IN_FLIGHT),
                 REPORT_AT_MOST, 0.2);
    report_check(report, "false losses of 100 000 with 512 in flight", "",
                 report_lost(report, "Probe over D-Bus, very many", PIPE_IN_FLIGHT), REPORT_AT_MOST,
                 0);
}

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
            run_bus(bench, growth, &bench_probe,
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
    run_bus_as(bench, BENCH_OTHER_UID, beside, &bench_probe, bench->size.few, 1, n);
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
    double spans[CALLS_MAX];

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
    double spans[CALLS_MAX];

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
    measure_rates(&bench);
    measure_growth(&bench);
    measure_waiting(&bench);
    bench_scene_restart(&bench.scene, BENCH_STAYS);
    measure_neighbours(&bench);
    bench_scene_restart(&bench.scene, BENCH_STAYS);
    measure_client(&bench);
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
