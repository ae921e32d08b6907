/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A second reading of what the service reads and writes, in the plainest way there is and by the
 * text: for the fuzzers, which compare. It shares nothing with the service's own readers but the
 * system's inet_pton().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet-protocol.h"
#include "probe-target.h"

/**
 * naive_split() - the words of a line
 * @line: changed; the words point into it
 * @between: the characters that are between words
 * @words: filled in with the first @max of them
 *
 * Return: how many there are, which may be more.
 */
size_t naive_split(char *line, const char *between, char *words[], size_t max);

/** naive_is_within() - whether a text is digits and nothing else, and says no more than the number
 * that is @most, which begins with no 0 */
bool naive_is_within(const char *text, const char *most);

/** An address, of either version; only the first four bytes are of version 4. */
typedef struct NaiveAddress {
    int ip_version;
    uint8_t bytes[16];
} NaiveAddress;

/** naive_address() - read an address of one version; false if the text is none */
bool naive_address(NaiveAddress *ret, int ip_version, const char *text);

/** naive_is_host() - whether an address may be a single host's that probes can go to */
bool naive_is_host(const NaiveAddress *address);

/** naive_is_target() - whether @target is that address */
bool naive_is_target(const NaiveAddress *address, const ProbeTarget *target);

/**
 * naive_check_written() - check that a line says to mtr-packet just what a command is
 * @command: of any kind but PACKET_SKIP_NUMBER
 * @line: as packet_command_format() wrote it for @token
 *
 * Each option that is set stands there once, with its value; none that is not.
 */
void naive_check_written(const PacketCommand *command, int token, const char *line);
