/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The first commands that a process is given, before any of ours: what it supports, and to skip the
 * numbers that are not its own, see numbers.h.
 */

#include "packet-process.h"
#include "packet-protocol.h"
#include "packet-support.h"

typedef struct PacketStart PacketStart;

/** packet_start_done_t - all is answered; @problem is NULL, or what the process did, to be put
 * after its name */
typedef void (*packet_start_done_t)(void *userdata, const char *problem);

/**
 * packet_start_new() - make a start
 * @process: borrowed
 * @n_skip: how many numbers it is to skip
 * @done, @userdata: told once, later, unless the process is lost before
 *
 * Return: the start, or NULL if memory is out.
 */
PacketStart *packet_start_new(PacketProcess *process, unsigned n_skip, packet_start_done_t done,
                              void *userdata);

/** packet_start_begin() - give the process, which runs, the first of them; 0 or -ENOMEM */
int packet_start_begin(PacketStart *start);

/** packet_start_free() - once the process has none of its commands any more; takes NULL, returns
 * NULL */
PacketStart *packet_start_free(PacketStart *start);

/** packet_start_support() - what was answered so far */
const PacketSupport *packet_start_support(const PacketStart *start);
