/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all processes of the soak share, in one file that each of them maps: the table of faults,
 * with when each may be felt, which the scheduler writes before it does anything; what each client
 * has counted, which outlives it; and what clients are told to do. Times are CLOCK_MONOTONIC in
 * microseconds.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BOARD_CLIENTS 50

/* As many as soak-ask.h has. */
#define BOARD_USERS 6

/* How many faults the table keeps: more than there are within the longest life of a call. */
#define BOARD_FAULTS 2048

typedef enum FaultKind {
    FAULT_KILL,         /* mtr-packet is killed, perhaps several times over */
    FAULT_STOP,         /* mtr-packet is stopped */
    FAULT_CLIENT,       /* a client is killed */
    FAULT_POLKIT_GONE,  /* polkit is killed, and started again */
    FAULT_POLKIT_STOP,  /* polkit is stopped */
    FAULT_ROUTE,        /* the host has no default route */
    FAULT_REJECT,       /* the host's table says that there is no way to the target */
    FAULT_LINK,         /* the link between the routers is down */
    FAULT_LOSS,         /* some packets get lost on their way back */
    FAULT_RUSH,         /* clients call without a pause, and mtr-packet stands still: pipes fill */
    FAULT_CLOCK,        /* the kernel says that the machine's clock was set */
    FAULT_FORK,         /* the service can make no process, or no thread */
    FAULT_MEMORY,       /* the service gets no memory, now and then */
    FAULT_BUS,          /* the bus is killed, and another started */
    FAULT_SERVICE_GONE, /* a consequence: the service has ended, and is started again */
    FAULT_KINDS,
} FaultKind;

#define FAULT_BIT(kind) (1U << (kind))

/** fault_name() - a word for a kind of fault */
const char *fault_name(FaultKind kind);

typedef struct BoardFault {
    _Atomic int64_t begin, end; /* `end` is INT64_MAX while it lasts */
    _Atomic uint32_t kind;
} BoardFault;

/* What was counted of calls; each client adds to what its predecessors in the same place had. */
typedef enum Counter {
    COUNT_CALLS,      /* that want an answer */
    COUNT_RESULTS,    /* answers that are results, or nothing wrong */
    COUNT_ERRORS,     /* answers that are errors of the service's */
    COUNT_GONE,       /* answered by the bus: the service was not there, or ended */
    COUNT_DISCONNECT, /* answered by the library: the bus was lost */
    COUNT_ABANDONED,  /* not answered when their client was killed, or left at once */
    COUNT_UNANSWERED,
    COUNT_TWICE,
    COUNT_NO_REPLY,      /* calls that want none */
    COUNT_MAYBE_PROCESS, /* answers that are right only since a fault was about: Process, */
    COUNT_MAYBE_GONE,    /* no service, or its end, */
    COUNT_MAYBE_DENIED,  /* AccessDenied, */
    COUNT_MAYBE_MEMORY,  /* NoMemory, */
    COUNT_MAYBE_ERROR,   /* another error, */
    COUNT_MAYBE_LOST,    /* no-reply, */
    COUNT_MAYBE_NO_WAY,  /* no way there */
    COUNT_FALSE,         /* answers that are wrong */
    COUNT_STREAMS,       /* opened, bridges too */
    COUNT_COMMANDS,      /* of streams */
    COUNT_REPLIES,       /* to them */
    COUNT_CUT,           /* commands whose stream has ended */
    COUNT_SENT_OK,       /* probes with the results that mtr-packet has for them, by word: reply */
    COUNT_EXPIRED,       /* ttl-expired */
    COUNT_LOST,          /* no-reply */
    COUNT_E_PROCESS,     /* errors, of calls and commands, by name */
    COUNT_E_INVALID,
    COUNT_E_DENIED,
    COUNT_E_MEMORY,
    COUNT_E_OTHER,
    COUNT_PROGRAMS, /* runs of mtrpacketctl */
    COUNTERS,
} Counter;

typedef struct BoardClient {
    _Atomic uint64_t counts[COUNTERS];
    _Atomic uint32_t outstanding; /* calls that are not answered, and commands */
    _Atomic uint32_t outstanding_commands;
} BoardClient;

typedef struct Board {
    _Atomic uint32_t n_faults; /* all that ever were: the table is a ring */
    BoardFault faults[BOARD_FAULTS];
    BoardClient clients[BOARD_CLIENTS];
    _Atomic bool drain;       /* clients wait for what is in flight, and leave */
    _Atomic uint64_t n_twice; /* answers to calls that had one, as the bus saw it */
    _Atomic uint64_t n_unwanted, n_tallied;
    _Atomic uint32_t n_failures;         /* that were printed */
    _Atomic int64_t beyond[BOARD_USERS]; /* until when a user may have more calls than it may */
} Board;

/** board_now() - CLOCK_MONOTONIC */
int64_t board_now(void);

/** board_create() - make it, for all users of the sandbox; NULL is never returned */
Board *board_create(void);

/** board_map() - the one that was made */
Board *board_map(void);

/** board_begin() - announce a fault; returns its number for board_end() */
unsigned board_begin(Board *board, FaultKind kind);

/** board_end() - it will not be felt any more after another @margin microseconds */
void board_end(Board *board, unsigned fault, int64_t margin);

/** board_faults() - FAULT_BITs of what may have been felt by something that began at @since and
 * ended now */
uint32_t board_faults(Board *board, int64_t since);

/** board_faults_between() - the same of something that began at @since and ended at @until */
uint32_t board_faults_between(Board *board, int64_t since, int64_t until);

/** board_describe() - the faults around a time, as words; @text is filled in */
void board_describe(Board *board, int64_t since, char *text, size_t size);

/** board_fail() - print a failure, which is counted */
void board_fail(Board *board, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** board_sum() - what all clients have counted */
uint64_t board_sum(const Board *board, Counter counter);
