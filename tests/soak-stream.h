/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A stream of a client of the soak, its own or that of an mtrpacket-bridge: each command has a
 * token that no other has, and is to be answered once.
 */

#include "soak-client.h"

/** soak_stream_new() - over a socket, which is duplicated */
SoakStream *soak_stream_new(Client *client, int fd);

/** soak_stream_new_bridge() - through an mtrpacket-bridge */
SoakStream *soak_stream_new_bridge(Client *client);

/** soak_stream_act() - write some commands, or close it for writing */
void soak_stream_act(SoakStream *stream);

/** soak_stream_shut() - there will be no more commands; it ends when all are answered */
void soak_stream_shut(SoakStream *stream);
