/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether this machine's routing table says of a target that it is unreachable. mtr-packet (0.95)
 * asks the kernel that for the source address of a probe, and crashes at this one answer, with all
 * probes of its other callers. So it is not given such a probe.
 */

#include <stdbool.h>
#include <stdint.h>

#include "probe-target.h"

/* How long an answer is taken to be true, in microseconds: asked anew for each probe it would cost
 * a tenth of their rate. */
#define ROUTES_KEPT_USEC (1000 * 1000ULL)

#define ROUTES_KEPT_MAX 64

typedef struct Routes {
    int fds[2]; /* UDP sockets, for IPv4 and IPv6; negative where there is no such thing */
    struct {
        ProbeTarget target; /* its ip_version is 0 where there is none */
        uint64_t usec;      /* when it was asked for, CLOCK_MONOTONIC */
        bool is_unreachable;
    } kept[ROUTES_KEPT_MAX]; /* by a hash of the address */
} Routes;

/** routes_init() - begin without answers, and have what it takes to ask for them */
void routes_init(Routes *routes);

/** routes_deinit() - close what was opened; copes with zeros */
void routes_deinit(Routes *routes);

/**
 * routes_is_unreachable() - whether the kernel says so of a target, for packets without a mark
 * @now_usec: CLOCK_MONOTONIC
 *
 * Sends nothing. No route at all is another answer, which mtr-packet copes with; if the kernel
 * cannot be asked it is not unreachable.
 */
bool routes_is_unreachable(Routes *routes, const ProbeTarget *target, uint64_t now_usec);
