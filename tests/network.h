/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A network inside the sandbox, of which the sandbox itself is the host:
 *
 *     host --- router1 --- router2 --- target
 *      |                         `---- the black hole
 *      `------ detour --- nowhere
 *
 * Every node is a network namespace, all speak IPv4 and IPv6, and none limits the ICMP it sends.
 * What the host marks with NETWORK_MARK goes to detour, which answers for itself and loses what it
 * is to pass on. All else, with another mark or none, goes to router1.
 */

#include <stdbool.h>
#include <stdint.h>

/* The host's own addresses: the one that the kernel chooses, and a further one. */
#define NETWORK_HOST_4 "192.0.2.1"
#define NETWORK_HOST_6 "2001:db8:1::1"
#define NETWORK_SECOND_4 "192.0.2.11"
#define NETWORK_SECOND_6 "2001:db8:1::11"

/* The broadcast address of the host's subnet. */
#define NETWORK_BROADCAST "192.0.2.255"

/* Who answers a probe that ends after one hop, or after two. */
#define NETWORK_ROUTER1_4 "192.0.2.2"
#define NETWORK_ROUTER1_6 "2001:db8:1::2"
#define NETWORK_ROUTER2_4 "198.51.100.2"
#define NETWORK_ROUTER2_6 "2001:db8:2::2"
#define NETWORK_DETOUR_4 "198.51.100.130"
#define NETWORK_DETOUR_6 "2001:db8:4::2"

/* Three hops away. The target has one open TCP port, and no open UDP port. Its kernel takes the
 * connections and nobody else does: there is room for some 4000. */
#define NETWORK_TARGET_4 "198.51.100.66"
#define NETWORK_TARGET_6 "2001:db8:3::2"
#define NETWORK_OPEN_PORT 80
#define NETWORK_CLOSED_PORT 81

/* A neighbour of router2's that takes every packet and answers none. */
#define NETWORK_HOLE_4 "198.51.100.79"
#define NETWORK_HOLE_6 "2001:db8:3::f"

#define NETWORK_MARK 7

/** network_up() - make the network, and wait until packets get to its ends and back */
void network_up(void);

/** network_accept() - accept what waits on NETWORK_OPEN_PORT, and close it: for who makes more
 * connections than there is room for; false once nothing waits, without waiting itself */
bool network_accept(void);

/** network_down() - remove all of it, and the counters; also where network_up() came to half */
void network_down(void);

/** network_run() - run a command in a node, which is to succeed: words with a space between */
void network_run(const char *node, const char *line);

/** network_sysctl() - write a file under /proc/sys/net of the host */
void network_sysctl(const char *path, const char *value);

/**
 * network_count_start() - count the packets that leave the host, on any interface
 * @name: of the counter, a word that no other has
 * @format: which packets, as an nft rule says it
 */
void network_count_start(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** network_count() - how many packets there were up to now */
uint64_t network_count(const char *name);
