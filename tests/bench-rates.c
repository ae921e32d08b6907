/* SPDX-License-Identifier: MIT */

#include "bench-rates.h"

#include "pace.h"
#include "pipe-load.h"
#include "stream-client.h"

#define PIPE_IN_FLIGHT 512

/* Ends it, too. */
static void run_pipe_load(Bench *bench, const char *name, PipeLoad *pipe_load,
                          const GPid processes[LOAD_COSTS], unsigned n, unsigned in_flight,
                          unsigned burst)
{
    Load load;

    pipe_load_run(pipe_load, &load, processes, n, in_flight, burst);
    report_add(bench->report, name, in_flight, &load);
    load_clear(&load);
    pipe_load_stop(pipe_load);
}

static void run_pipe(Bench *bench, const char *name, const char *const argv[], LoadCost cost,
                     unsigned n, unsigned in_flight, unsigned burst)
{
    GPid processes[LOAD_COSTS] = {0};
    PipeLoad pipe_load;

    pipe_load_start_apart(&pipe_load, argv);
    processes[cost] = pipe_load.pid;
    run_pipe_load(bench, name, &pipe_load, processes, n, in_flight, burst);
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

void bench_run_bus_as(Bench *bench, uid_t uid, const char *name, const BusLoadCall *call,
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

void bench_run_bus(Bench *bench, const char *name, const BusLoadCall *call, unsigned n,
                   unsigned in_flight)
{
    bench_run_bus_as(bench, 0, name, call, n, in_flight, in_flight);
}

static void run_buses(Bench *bench)
{
    bench_run_bus(bench, "empty method over D-Bus", &bench_empty, bench->size.few, 1);
    bench_run_bus(bench, "empty method over D-Bus", &bench_empty, bench->size.many, 100);
    bench_run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.few, 1);
    bench_run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 8);
    bench_run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 32);
    bench_run_bus(bench, "Probe over D-Bus", &bench_probe, bench->size.many, 100);
}

/* The descriptor of OpenStream, and the bridge before one. */
static void run_stream(Bench *bench, unsigned n, unsigned in_flight)
{
    const char *const bridge[] = {g_getenv("TEST_BRIDGE"), NULL};
    const Fixture *fixture = &bench->scene.polkit.fixture;
    GPid processes[LOAD_COSTS] = {[LOAD_COST_SERVICE] = fixture->service_pid};
    PipeLoad pipe_load;

    pipe_load_take(&pipe_load, stream_take(fixture->root));
    run_pipe_load(bench, "stream", &pipe_load, processes, n, in_flight, 0);
    pipe_load_start(&pipe_load, bridge);
    processes[LOAD_COST_BRIDGE] = pipe_load.pid;
    run_pipe_load(bench, "bridge", &pipe_load, processes, n, in_flight, 0);
}

static void run_streams(Bench *bench)
{
    run_stream(bench, bench->size.few, 1);
    run_stream(bench, bench->size.many, 32);
    run_stream(bench, bench->size.many, PIPE_IN_FLIGHT);
}

static void check_streams(Bench *bench)
{
    Report *report = bench->report;
    double one = report_rate(report, "bare pipe", 1);
    double paced = report_rate(report, "bare pipe, paced", PIPE_IN_FLIGHT);

    report_check(report, "rate of a stream with 512 in flight, in that of the paced pipe", "",
                 report_rate(report, "stream", PIPE_IN_FLIGHT) / paced, REPORT_AT_LEAST, 0.8);
    report_check(report, "its median round trip, in that of the paced pipe", "",
                 report_median(report, "stream", PIPE_IN_FLIGHT) /
                     report_median(report, "bare pipe, paced", PIPE_IN_FLIGHT),
                 REPORT_AT_MOST, 1.5);
    report_check(report, "rate of a stream with one in flight, in that of the pipe", "",
                 report_rate(report, "stream", 1) / one, REPORT_AT_LEAST, 0.6);
    report_check(report, "rate of the bridge with 512 in flight, in that of the paced pipe", "",
                 report_rate(report, "bridge", PIPE_IN_FLIGHT) / paced, REPORT_AT_LEAST, 0.75);
    report_check(report, "rate of the bridge with one in flight, in that of the pipe", "",
                 report_rate(report, "bridge", 1) / one, REPORT_AT_LEAST, 0.5);
    report_number(report, "rate of the empty relay with 512 in flight, in that of the paced pipe",
                  "", report_rate(report, "empty relay, paced", PIPE_IN_FLIGHT) / paced);
    report_number(report, "rate of the empty relay with one in flight, in that of the pipe", "",
                  report_rate(report, "empty relay", 1) / one);
    report_check(report, "false losses over streams and bridges", "",
                 report_lost(report, "stream", PIPE_IN_FLIGHT) +
                     report_lost(report, "bridge", PIPE_IN_FLIGHT) +
                     report_lost(report, "stream", 32) + report_lost(report, "bridge", 32) +
                     report_lost(report, "stream", 1) + report_lost(report, "bridge", 1),
                 REPORT_AT_MOST, 0);
}

void bench_rates(Bench *bench)
{
    Report *report = bench->report;
    double rate, pipe_rate;

    for (unsigned i = 0; i < bench->size.rate_rounds; i++) {
        run_pipes(bench);
        run_streams(bench);
        run_buses(bench);
    }
    bench_run_bus(bench, "Probe over D-Bus, very many", &bench_probe, bench->size.very_many,
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
    check_streams(bench);
}
