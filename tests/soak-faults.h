/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The scheduler of faults: one or several at a time, at random, each announced on the board before
 * it is made, and ended there once it is over and its traces have gone.
 */

#include "soak-scene.h"

#define EPISODES_MAX 16

typedef struct Episode {
    bool active;
    int64_t next;    /* when it begins, or ends */
    unsigned number; /* on the board */
    GPid pid;        /* of what it has stopped */
    char *undo;      /* commands of ip or nft, by newlines */
    unsigned choice;
} Episode;

typedef struct Faults {
    Scene *scene;
    GRand *rand;
    uint32_t kinds; /* FAULT_BITs of those that are made now */
    bool with_memory;
    Episode episodes[EPISODES_MAX];
    unsigned counts[FAULT_KINDS];
    unsigned n_kills; /* of living mtr-packets */

    /* A volley: all mtr-packets are killed, and those that follow them, for a second. */
    bool volley;
    unsigned volley_number;
    int64_t volley_next, volley_end;
    GPid shot[64]; /* the last that were */
    unsigned n_shot;
} Faults;

/** faults_init() - @with_memory: whether memory may fail at all */
void faults_init(Faults *faults, Scene *scene, uint32_t seed, bool with_memory);

/** faults_deinit() - all have ended */
void faults_deinit(Faults *faults);

/** faults_set() - which kinds there are from now on; those that last are ended in their time */
void faults_set(Faults *faults, uint32_t kinds);

/** faults_turn() - begin and end what it is time for */
void faults_turn(Faults *faults);

/** faults_end() - end all, and begin none until faults_set() */
void faults_end(Faults *faults);
