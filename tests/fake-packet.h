/* SPDX-License-Identifier: MIT */
#pragma once

/* What the fake mtr-packet does with a probe, by its bit-pattern. */
enum {
    FAKE_REPLY = 0,
    FAKE_DIE,             /* kills itself with SIGKILL */
    FAKE_EXIT,            /* exits with status 3 */
    FAKE_ANSWER_AND_EXIT, /* answers, then exits with status 4 */
    FAKE_CLOSE,           /* closes its output and lives on */
    FAKE_CLOSE_INPUT,     /* closes its input and lives on */
    FAKE_STUCK,           /* answers, and then does nothing any more */
    FAKE_GARBAGE,         /* says what is no reply */
    FAKE_TOKEN_ZERO,      /* has lost its place */
    FAKE_TOKEN_UNKNOWN,   /* answers what nobody asked */
    FAKE_TOKEN_TWICE,     /* answers twice */
    FAKE_LONG_LINE,       /* a line of 4097 bytes */
    FAKE_MPLS,            /* a stack of two labels */
    FAKE_MPLS_BROKEN,     /* a stack that ends early */
    FAKE_UNKNOWN,         /* a word and arguments that nobody knows */
    FAKE_HOLD,            /* no answer until CheckSupport("release"), or FAKE_HELD_MAX are held */
    FAKE_STALL,           /* reads no further for a while; answers with what has come meanwhile */
    FAKE_INSPECT,         /* answers with what it sees of itself */
    FAKE_NO_ROUTE,        /* what a TCP probe that expired may seem to be */
    FAKE_ADDRESS_IN_USE,  /* no port was free */
    FAKE_KEEP,            /* no answer until it gets SIGUSR1 */
    FAKE_KEEP_LONG,       /* the same, and then a reply of some 4000 bytes */
    FAKE_KEEP_NO_ROUTE,   /* the same, and then as FAKE_NO_ROUTE */
    FAKE_KEEP_AND_BREAK,  /* as FAKE_KEEP, and then says what is no reply, all at once */
    FAKE_KEEP_AND_STALL,  /* the same, but after it has answered it reads no further for a while */
    FAKE_ROUTE,           /* by the hop limit, see fake-packet.c: five hops to the target */
};

/* Half of the places in a process: as many as one user alone gets. */
#define FAKE_HELD_MAX 500

/* What it does from the start, by its name. */
#define FAKE_NAME_SILENT "silent"       /* never answers */
#define FAKE_NAME_LATE "late"           /* answers nothing before there is a file FAKE_GO */
#define FAKE_NAME_DEAF "deaf"           /* closes its input, and answers its first commands then */
#define FAKE_NAME_NO_PROBES "no-probes" /* does not know send-probe */
#define FAKE_NAME_GREEDY "greedy"       /* takes an address that is none */
#define FAKE_NAME_CHOKING "choking"     /* ends at such an address */

#define FAKE_GO "/run/fake-packet-go"
