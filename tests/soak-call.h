/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The calls that a client of the soak makes. Each is judged when its answer comes.
 */

#include "soak-client.h"

/** call_probe() - a random probe, unless many calls wait */
void call_probe(Client *client);

/** call_badly() - one that is to be refused, and with which error */
void call_badly(Client *client);

/** call_check_support() - of a random feature */
void call_check_support(Client *client);

/** call_session() - Open or Close, now and then the wrong one */
void call_session(Client *client);

/** call_stream() - OpenStream, if there is none */
void call_stream(Client *client);

/** call_without_reply() - a probe that wants no answer */
void call_without_reply(Client *client);

/** call_property() - one of those of the service */
void call_property(Client *client);

/** call_beyond() - more than a connection may have waiting */
void call_beyond(Client *client);

/** call_watch_unwanted() - have answers noticed that belong to no call */
void call_watch_unwanted(Client *client);
