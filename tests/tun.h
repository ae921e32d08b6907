/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A router that answers as no kernel would: a TUN device in the sandbox, and a thread that reads
 * the packets routed to it and makes up the ICMP, as the destination address asks for. The router
 * is one hop away and takes every probe for expired there, whatever its ttl; its extensions are
 * those of RFC 4884. Behind it are also hosts that answer an echo request when they are told to.
 */

#include <stdbool.h>

/* Who sends the time-exceeded. */
#define TUN_ROUTER_4 "203.0.113.254"
#define TUN_ROUTER_6 "2001:db8:7::fe"

/* What the time-exceeded says besides that. Labels are (label, traffic class, bottom, ttl),
 * outermost first. */
typedef enum TunAnswer {
    TUN_NO_EXTENSION,    /* nothing: no extension structure */
    TUN_ONE_LABEL,       /* (16000, 5, true, 1) */
    TUN_FOUR_LABELS,     /* (1048575, 7, false, 255), (16, 0, false, 1), (0, 3, false, 64),
                            (524288, 4, true, 0) */
    TUN_INTERFACE_FIRST, /* an interface information object (RFC 5837), then the one label */
    TUN_INTERFACE_LAST,  /* the other way round */
    TUN_INTERFACE_ONLY,  /* the interface information object alone */
    TUN_OTHER_TYPE,      /* an object of the class of label stacks (RFC 4950), but no label stack */
    TUN_LONG_OBJECT,     /* the one label, in an object that says it is longer than the packet */
    TUN_SHORT_OBJECT,    /* the one label, in an object that says it is shorter than its header */
    TUN_CUT_STACK,       /* the four labels, but the packet ends in the third */
    TUN_CUT_OBJECT,      /* the packet ends in the header of the first object */
    TUN_CUT_EXTENSION,   /* the packet ends in the header of the extension structure */
    TUN_N_ANSWERS,
} TunAnswer;

/* How many hosts answer late. */
#define TUN_N_LATE 64

typedef struct Tun Tun;

/** tun_new() - make the device, and start to answer */
Tun *tun_new(void);

/** tun_free() - remove the device; what is still held is never answered */
void tun_free(Tun *tun);

/** tun_address() - the destination that gets this answer; a string that stays */
const char *tun_address(TunAnswer answer, int ip_version);

/** tun_late_address() - the @i-th host that holds echo requests back; a string that stays */
const char *tun_late_address(unsigned i, int ip_version);

/** tun_wait_held() - wait, half a minute at most, until this late host holds @n echo requests */
void tun_wait_held(Tun *tun, const char *late_address, unsigned n);

/**
 * tun_release() - have a late host answer what it holds
 *
 * The replies have the identifier, the sequence number and the payload of their requests, which
 * come in the order they were sent. When this returns, they are with whoever listens for them.
 *
 * Return: how many there were.
 */
unsigned tun_release(Tun *tun, const char *late_address);
