/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A probe that a client of the soak asks for, by a call or by a command of a stream.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

/* Where a probe goes, on the network of network.h. */
typedef enum Place {
    PLACE_TARGET,
    PLACE_ROUTER1,
    PLACE_ROUTER2,
    PLACE_HOLE,
    PLACE_DEAD_END,   /* router2 knows that there is no way */
    PLACE_NO_WAY,     /* the host's table says that it is unreachable */
    PLACE_PROHIBITED, /* or prohibited */
    PLACE_LOOPBACK,
    PLACES,
} Place;

/** place_address() - of a place */
const char *place_address(Place place, int ip_version);

/* Has both addresses of the target. */
#define ASK_NAME "target.test"

typedef enum AskProtocol { ASK_ICMP, ASK_UDP, ASK_TCP, ASK_SCTP } AskProtocol;

typedef struct SoakUser {
    uid_t uid;
    const char *name;
    bool may_probe, may_mark;
} SoakUser;

#define SOAK_USERS 6

extern const SoakUser soak_users[SOAK_USERS];

typedef struct Ask {
    AskProtocol protocol;
    Place place;
    int ip_version;
    bool by_name;
    unsigned ttl, port, local_port; /* 0 for none */
    int size, tos, pattern;         /* -1 for none */
    double timeout;                 /* seconds, 0 for the default */
    uint32_t mark;                  /* 0 for none */
    const char *local_ip;           /* NULL for none */
} Ask;

/** ask_make() - a random one for a user; @whole_seconds as streams have them */
void ask_make(Ask *ret, GRand *rand, const SoakUser *user, bool whole_seconds);

/** ask_timeout() - how long it waits for its answer, in seconds */
double ask_timeout(const Ask *ask);

/** ask_append() - the arguments of Probe */
int ask_append(const Ask *ask, sd_bus_message *message);

/** ask_command() - the same as a command of a stream, without token and newline; to be freed */
char *ask_command(const Ask *ask);

/** ask_text() - the same for who reads a failure; to be freed */
char *ask_text(const Ask *ask);
