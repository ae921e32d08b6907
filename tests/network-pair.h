/* SPDX-License-Identifier: MIT */
#pragma once

/* The nodes of network.h by either version of IP, for tests that do the same with both. */

#include "network.h"

typedef struct Pair {
    const char *four, *six;
} Pair;

static const Pair target = {NETWORK_TARGET_4, NETWORK_TARGET_6};
static const Pair hole = {NETWORK_HOLE_4, NETWORK_HOLE_6};
static const Pair router1 = {NETWORK_ROUTER1_4, NETWORK_ROUTER1_6};
static const Pair router2 = {NETWORK_ROUTER2_4, NETWORK_ROUTER2_6};

static const int ip_versions[] = {4, 6};

static inline const char *of(Pair pair, int ip_version)
{
    return ip_version == 4 ? pair.four : pair.six;
}
