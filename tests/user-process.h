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
    bool is_child; /* of the test; else it is systemd's */
    int control;   /* where it is told to connect, and answers with the socket */
} UserProcess;

/** user_process_start() - start one of user @uid */
void user_process_start(UserProcess *process, uid_t uid);

/**
 * user_process_log_in() - start one in a session of its own, with a systemd that runs
 * @name: the user's
 * @seat: where the session is, which becomes the active one there; or NULL for one without a seat
 *
 * The test's own main() must give its arguments to user_process_main() first.
 */
void user_process_log_in(UserProcess *process, const char *name, const char *seat);

/** user_process_main() - be such a process, if the arguments say so: then it does not return */
void user_process_main(int argc, char *argv[]);

/** user_process_connect() - a new connection of it, to be closed with fixture_disconnect() */
GDBusConnection *user_process_connect(const UserProcess *process);

/** user_process_end() - end it, and its session; its connections stay */
void user_process_end(UserProcess *process);
