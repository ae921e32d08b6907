/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What an mtr-packet can do, learned by a fixed list of questions that each one is asked when it
 * starts. Pure.
 */

#include <stdbool.h>

#include "packet-protocol.h"

/* The features asked for; bit N of PacketSupport.features is the Nth. */
extern const char *const packet_support_features[];
#define PACKET_SUPPORT_FEATURES 7

/* The questions are numbered from 0: one a feature, and one for the version. */
#define PACKET_SUPPORT_QUESTIONS (PACKET_SUPPORT_FEATURES + 1)

/* Compares with memcmp(). */
typedef struct PacketSupport {
    char version[64]; /* "" where it did not say */
    unsigned features;
} PacketSupport;

/** packet_support_question() - the command that asks question @number */
PacketCommand packet_support_question(unsigned number);

/** packet_support_answer() - note the answer to question @number */
void packet_support_answer(PacketSupport *support, unsigned number, const PacketReply *reply);

/**
 * packet_support_knows() - whether a feature is one of those asked for
 * @ret_supported: set only then: whether it is supported
 */
bool packet_support_knows(const PacketSupport *support, const char *feature, bool *ret_supported);

/** packet_support_can_probe() - whether it can send probes at all; no mtr-packet if it cannot */
bool packet_support_can_probe(const PacketSupport *support);
