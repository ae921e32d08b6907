/* SPDX-License-Identifier: MIT */
#pragma once

/* Probes per second: by mtr-packet alone, behind an empty relay, over a stream and a bridge, and
 * over D-Bus. */

#include "bench.h"

/** bench_rates() - measure all of them, and check what they must be to each other */
void bench_rates(Bench *bench);

/** bench_run_bus() - calls over D-Bus, so many in flight: a row that is called @name */
void bench_run_bus(Bench *bench, const char *name, const BusLoadCall *call, unsigned n,
                   unsigned in_flight);

/** bench_run_bus_as() - the same by user @uid; the row is called @name and @number */
void bench_run_bus_as(Bench *bench, uid_t uid, const char *name, const BusLoadCall *call,
                      unsigned n, unsigned in_flight, unsigned number);
