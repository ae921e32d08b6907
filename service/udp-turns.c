/* SPDX-License-Identifier: MIT */

#include "udp-turns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A target, and who has probes to it in flight. */
struct UdpTurn {
    ProbeTarget target;
    UT_hash_handle by_target;
    const void *process;
    unsigned n; /* in flight; 0 once it has ended */
    UdpTicket *waiting;
    UdpTurn *prev, *next; /* once it has ended */
};

/* The target as a key: all its bytes count there, those of a union that are not used too. */
static ProbeTarget key_of(const ProbeTarget *target)
{
    ProbeTarget key;

    memset(&key, 0, sizeof(key));
    key.ip_version = target->ip_version;
    if (target->ip_version == 4)
        key.ipv4 = target->ipv4;
    else
        key.ipv6 = target->ipv6;
    return key;
}

/* The target's turn, a new one of @process if there is none; NULL if memory is out. */
static UdpTurn *get_turn(UdpTurns *turns, const ProbeTarget *target, const void *process)
{
    const ProbeTarget key = key_of(target);
    UdpTurn *turn;

    HASH_FIND(by_target, turns->by_target, &key, sizeof(key), turn);
    if (turn)
        return turn;

    turn = calloc(1, sizeof(*turn));
    if (!turn)
        return NULL;
    turn->target = key;
    turn->process = process;
    HASH_ADD(by_target, turns->by_target, target, sizeof(turn->target), turn);
    if (!HASH_ADDED(by_target, turn)) {
        free(turn);
        return NULL;
    }
    return turn;
}

static void end_turn(UdpTurns *turns, UdpTurn *turn)
{
    HASH_DELETE(by_target, turns->by_target, turn);
    if (!turn->waiting) {
        free(turn);
        return;
    }
    DL_APPEND(turns->ended, turn);
    (void)sd_event_source_set_enabled(turns->source, SD_EVENT_ONESHOT);
}

static int on_ended(sd_event_source *source, void *userdata)
{
    UdpTurns *turns = userdata;

    while (turns->ended) {
        UdpTurn *turn = turns->ended;

        while (turn->waiting) {
            UdpTicket *ticket = turn->waiting->prev; /* the last */

            udp_turns_leave(turns, ticket);
            turns->again(turns->userdata, ticket);
        }
        DL_DELETE(turns->ended, turn);
        free(turn);
        turns->go(turns->userdata);
    }
    return 0;
}

int udp_turns_init(UdpTurns *turns, sd_event *event, int64_t priority, udp_turns_again_t again,
                   udp_turns_go_t go, void *userdata)
{
    int r;

    *turns = (UdpTurns){.again = again, .go = go, .userdata = userdata};
    r = sd_event_add_defer(event, &turns->source, on_ended, turns);
    if (r >= 0)
        r = sd_event_source_set_priority(turns->source, priority);
    if (r >= 0)
        r = sd_event_source_set_enabled(turns->source, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void udp_turns_deinit(UdpTurns *turns)
{
    UdpTurn *turn, *next;

    assert(!turns->by_target);
    DL_FOREACH_SAFE (turns->ended, turn, next) {
        assert(!turn->waiting);
        free(turn);
    }
    turns->ended = NULL;
    turns->source = sd_event_source_disable_unref(turns->source);
}

int udp_turns_enter(UdpTurns *turns, UdpTicket *ticket, const ProbeTarget *target,
                    const void *process)
{
    UdpTurn *turn = get_turn(turns, target, process);

    if (!turn)
        return -ENOMEM;

    ticket->turn = turn;
    if (turn->process != process || turn->waiting) {
        ticket->state = UDP_TICKET_WAITS;
        DL_APPEND(turn->waiting, ticket);
        return 0;
    }
    ticket->state = UDP_TICKET_IN_FLIGHT;
    turn->n++;
    return 1;
}

void udp_turns_leave(UdpTurns *turns, UdpTicket *ticket)
{
    UdpTicketState state = ticket->state;

    ticket->state = UDP_TICKET_NONE;
    switch (state) {
    case UDP_TICKET_NONE:
        break;
    case UDP_TICKET_IN_FLIGHT:
        if (--ticket->turn->n == 0)
            end_turn(turns, ticket->turn);
        break;
    case UDP_TICKET_WAITS:
        DL_DELETE(ticket->turn->waiting, ticket);
        break;
    }
}
