/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whose turn it is to probe a target over UDP with a fixed port. mtr-packet tells UDP answers apart
 * by addresses and ports, of which it counts only the one that is not fixed, and each process from
 * the same start: of two processes that have such probes to one target in flight, each takes the
 * other's answers for its own. So only one process at a time has any; who comes meanwhile waits,
 * and then those of the process that has had its turn wait behind it.
 *
 * Whether two such probes can really be confused depends on both their ports, and on numbers that
 * only mtr-packet knows. That is not gone into: they are rare enough to wait.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "hash.h"
#include "probe-target.h"

typedef struct UdpTurn UdpTurn;
typedef struct UdpTicket UdpTicket;

typedef enum UdpTicketState {
    UDP_TICKET_NONE,
    UDP_TICKET_IN_FLIGHT,
    UDP_TICKET_WAITS, /* for the end of another process's turn */
} UdpTicketState;

/* A probe's part in a turn; part of whatever is the probe. Begins as zeros. */
struct UdpTicket {
    UdpTicketState state;
    UdpTurn *turn;          /* unless NONE */
    UdpTicket *prev, *next; /* while WAITS */
};

/**
 * udp_turns_again_t - a ticket waits no longer: have udp_turns_enter() tried again, later
 *
 * Called for all who waited for a turn that has ended, the last first, and then udp_turns_go_t: now
 * they may try, and he first who was told last.
 */
typedef void (*udp_turns_again_t)(void *userdata, UdpTicket *ticket);
typedef void (*udp_turns_go_t)(void *userdata);

typedef struct UdpTurns {
    sd_event_source *source; /* on while there are ended ones */
    UdpTurn *by_target;
    UdpTurn *ended; /* somebody waits for them */
    udp_turns_again_t again;
    udp_turns_go_t go;
    void *userdata;
} UdpTurns;

/**
 * udp_turns_init() - begin
 * @again, @go, @userdata: told from the event loop when a turn has ended for which somebody waited
 *
 * Return: 0 or a negative errno; either way udp_turns_deinit() cleans up.
 */
int udp_turns_init(UdpTurns *turns, sd_event *event, int64_t priority, udp_turns_again_t again,
                   udp_turns_go_t go, void *userdata);

/** udp_turns_deinit() - there must be no tickets left; copes with zeros */
void udp_turns_deinit(UdpTurns *turns);

/**
 * udp_turns_enter() - may a probe be sent?
 * @ticket: the probe's
 * @target: where it goes
 * @process: by whom it would be sent; only compared
 *
 * Return: 1 if so: it counts as in flight; 0 if it must wait; or -ENOMEM. In the first two cases
 * call udp_turns_leave() when the probe is answered or forgotten.
 */
int udp_turns_enter(UdpTurns *turns, UdpTicket *ticket, const ProbeTarget *target,
                    const void *process);

/** udp_turns_leave() - the probe is neither in flight nor waiting any more; nothing happens if it
 * was not */
void udp_turns_leave(UdpTurns *turns, UdpTicket *ticket);
