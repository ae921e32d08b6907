/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A look at where an mtr-packet is with its sequence numbers. It skips those whose port somebody
 * has, unseen; but a UDP probe to a socket of ours shows its own number as its source port.
 * Everybody on this machine may send to that socket: so it is there only while the probe is on its
 * way, which comes from a loopback address and has a content that nobody else knows; and after some
 * datagrams that are not it, it is looked for no longer.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

#include "packet-protocol.h"

typedef struct NumberSight NumberSight;

/** number_seen_t - the probe has come, and had this number */
typedef void (*number_seen_t)(NumberSight *sight, unsigned number);

/* Part of whatever wants to know. Begins as zeros but for `seen`. */
struct NumberSight {
    number_seen_t seen;
    int fd;
    sd_event_source *source; /* NULL unless the probe is on its way */
    unsigned n_wrong;        /* datagrams that were not it */
    PacketCommand command;
};

/**
 * number_sight_begin() - wait for a probe to come
 * @priority: see sd_event_source_set_priority(); before the answer to the probe
 *
 * Return: the command to be given to mtr-packet, which lives as long as @sight; or NULL if there is
 * no chance now.
 */
const PacketCommand *number_sight_begin(NumberSight *sight, sd_event *event, int64_t priority);

/** number_sight_end() - wait no longer; nothing happens if it does not wait */
void number_sight_end(NumberSight *sight);
