/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What came of many probes to 127.0.0.1, where each is answered: how fast, how long each took by
 * what mtr-packet says, what they cost, and how many were said to have no answer though there was
 * one.
 */

#include <glib.h>

/* Whose time on a processor is looked at. */
typedef enum LoadCost {
    LOAD_COST_SERVICE,
    LOAD_COST_PACKET, /* mtr-packets: the children of the service, which come and go */
    LOAD_COST_BUS,
    LOAD_COST_BRIDGE,
    LOAD_COST_CLIENT, /* ourselves */
    LOAD_COSTS,
} LoadCost;

typedef struct Load {
    unsigned n;                 /* to be sent */
    unsigned n_sent;            /* so far */
    unsigned n_answered;        /* of those */
    unsigned n_lost;            /* of those, falsely: any result but a reply */
    GArray *times;              /* round trips of the others, double, in microseconds */
    double seconds;             /* from the first to the last */
    double cost[LOAD_COSTS];    /* in microseconds of a processor, per probe */
    GPid processes[LOAD_COSTS]; /* 0 for one that is not there; where there is a service, its
                                   children are the mtr-packets */

    /* while it runs */
    gint64 began;
    double cost_before[LOAD_COSTS];
} Load;

/**
 * load_begin() - it starts now
 * @n: how many there will be
 * @processes: who takes part, by LoadCost; our own is filled in
 */
void load_begin(Load *load, unsigned n, const GPid processes[LOAD_COSTS]);

/** load_answer() - one is answered; @usec is the round trip, negative if there was no reply, or NaN
 * where there is none to know of */
void load_answer(Load *load, double usec);

/** load_end() - all are answered: fill in what is known only now */
void load_end(Load *load);

/** load_rate() - probes per second */
double load_rate(const Load *load);

/** load_quantile() - the time that a part of all round trips, from 0 to 1, did not take longer
 * than; NaN if there are none */
double load_quantile(const Load *load, double part);

/** load_clear() - free what it holds; it may be used again */
void load_clear(Load *load);

/** median() - of @n numbers, which it sorts; NaN of none */
double median(double *numbers, unsigned n);
