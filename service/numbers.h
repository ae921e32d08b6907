/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which sequence numbers an mtr-packet may use. Each begins at 33000, counts on by one for each
 * probe, and begins anew after 65535; and it takes an answer for the probe that has its number:
 *
 *   - of ICMP, if the process's id is there too. So a late answer, even to a probe long given up,
 * becomes that of whoever has the number then;
 *   - of TCP and SCTP, where the number is the source port, whatever probe has it: of whichever
 * protocol, in whichever process. Everybody hears of every TCP probe that expires on its way.
 *
 * So no process is to use a number twice in its life: before that, another takes over. And the
 * processes for TCP and SCTP have numbers that no other uses at the same time, ahead of all
 * others': those before them are skipped at the start.
 *
 * A number whose port somebody else has is skipped by mtr-packet itself, for TCP and SCTP. So there
 * are spare ones; where many ports are in use, a process is given fewer probes; and it is looked
 * now and then where it is, see number-sight.h.
 */

#define NUMBERS_FIRST 33000
#define NUMBERS_LAST 65535

typedef enum NumbersKind {
    NUMBERS_SHARED, /* of processes that are told apart by their ids */
    NUMBERS_OWN,    /* of those for TCP and SCTP, one range each */
} NumbersKind;

typedef struct Numbers {
    unsigned range; /* of NUMBERS_OWN */
    unsigned skip;  /* how many are skipped at the start */
    unsigned life;  /* how many probes the process may be given, at one number each */
} Numbers;

/* NUMBERS_SHARED begin at the first: of the processes for ICMP, and for UDP with a mark. */
#define NUMBERS_SHARED_LIFE 16000

/* NUMBERS_OWN are the rest. */
#define NUMBERS_OWN_RANGES 2
#define NUMBERS_OWN_SIZE ((NUMBERS_LAST - NUMBERS_FIRST - NUMBERS_SHARED_LIFE) / NUMBERS_OWN_RANGES)
#define NUMBERS_OWN_LIFE 6000

/* However many ports are in use, so many probes it is given. */
#define NUMBERS_OWN_LIFE_MIN 200

/* After how many probes it is looked where a process is, and how near to the end of its range it
 * may be then: nearer than it may come until it is looked at again, unless many ports are in use.
 */
#define NUMBERS_LOOK 64
#define NUMBERS_MARGIN 500

/* How many of the spare ones may go to probes that are sent again. */
#define NUMBERS_AGAIN 500
