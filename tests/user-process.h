/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A process of a user's, as a caller is in the world: polkit knows callers, agents and what it
 * keeps by their processes, and to it all that a test calls itself is one, root's. This one does
 * nothing but connect to the bus, whatever the test then says over the connection.
 */

#include "fixture.h"

typedef struct UserProcess {
    uid_t uid;
    GPid pid;
    int control; /* where it is told to connect, and answers with the socket */
} UserProcess;

/** user_process_start() - start one of user @uid */
void user_process_start(UserProcess *process, uid_t uid);

/** user_process_connect() - a new connection of it, to be closed with fixture_disconnect() */
GDBusConnection *user_process_connect(const UserProcess *process);

/** user_process_end() - end it; its connections stay */
void user_process_end(UserProcess *process);
