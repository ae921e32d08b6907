/* SPDX-License-Identifier: MIT */
#pragma once

/* polkit's agent for terminals, pkttyagent: while it runs, the user of this program can be asked to
 * authenticate on its terminal. */

#include <sys/types.h>

typedef struct TextAgent {
    pid_t pid; /* 0 where none runs */
} TextAgent;

/**
 * text_agent_start() - start it, and wait until polkit knows it
 * @stop_fd: not any longer than until this can be read
 *
 * It is polkit's last choice: where the user's session has an agent, that one asks. If it cannot be
 * started nothing is said: most users need not authenticate, and who must is told so by the
 * service.
 */
void text_agent_start(TextAgent *agent, int stop_fd);

/** text_agent_stop() - end it; also where none runs */
void text_agent_stop(TextAgent *agent);
