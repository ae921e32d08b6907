/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the soak plays in: the network, a bus, polkit, the service with preload-faults, its clients,
 * and who tallies. All of it can end under the feet of the rest, and is started again.
 */

#include "polkit.h"
#include "preload-faults.h"
#include "soak-board.h"

typedef struct Scene {
    Polkit polkit;
    Board *board;
    PreloadFaults *faults;
    GRand *rand;
    BusKind kind;
    GPid clients[BOARD_CLIENTS]; /* 0 where there is none */
    GPid tally;
    bool closed;            /* no client is started */
    unsigned life;          /* of the service, counted from 1 */
    int64_t born;           /* when it was started */
    unsigned n_clients;     /* that were started */
    unsigned n_exits;       /* of the service, since it had no memory */
    unsigned n_descriptors; /* of the service when it was first started */
    unsigned n_processes;   /* of the sandbox without clients and mtr-packets, as there are to be */
    int clock_steps;        /* a FIFO, see preload.h */
    char *program;          /* this one */
} Scene;

/** scene_start() - all but clients */
void scene_start(Scene *scene, uint32_t seed);

/** scene_stop() - check that all ends as it should */
void scene_stop(Scene *scene);

/** scene_look() - see who has ended, and start others in their place, but clients only while
 * `closed` is false */
void scene_look(Scene *scene);

/** scene_clients() - how many there are */
unsigned scene_clients(const Scene *scene);

/** scene_kill_client() - one of them */
void scene_kill_client(Scene *scene);

/** scene_renew_bus() - kill the bus, and start one of the other kind, with polkit and the service;
 * polkit may be away before */
void scene_renew_bus(Scene *scene);

/** scene_packets() - the service's living mtr-packets; returns how many, @max at most */
unsigned scene_packets(Scene *scene, GPid *ret, unsigned max);

/** scene_children() - all its children, zombies too */
unsigned scene_children(Scene *scene);

/** scene_iterate() - let time pass: some milliseconds of the main context */
void scene_iterate(void);
