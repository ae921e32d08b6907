/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A host on the wire of dig_black_hole(), at 192.0.2.3: it takes ICMP and TCP probes, and answers
 * when it is told to.
 */

#include <gio/gio.h>

#define LATE_HOST "192.0.2.3"

typedef struct LateHost {
    int fd;
    unsigned source;
    GHashTable *probes; /* frames that were not yet answered, by what tells them apart */
} LateHost;

/** late_host_start() - take probes, as the main context runs, from now on; there is a black hole */
void late_host_start(LateHost *host);

/** late_host_wait() - run the main context until there are @n probes without an answer */
void late_host_wait(LateHost *host, unsigned n);

/** late_host_answer() - answer them all: an echo reply, or a TCP reset */
void late_host_answer(LateHost *host);

/** late_host_stop() - be there no more */
void late_host_stop(LateHost *host);

/** late_host_silent_server() - a DNS server on 127.0.0.1 that answers nothing; to be unreferenced
 */
GSocket *late_host_silent_server(void);
