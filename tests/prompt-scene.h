/* SPDX-License-Identifier: MIT */
#pragma once

/* A user who may be asked to authenticate: a process with a connection to the bus, and its agent,
 * beside the service and a real polkitd. */

#include "agent.h"
#include "polkit.h"
#include "user-process.h"

typedef struct PromptScene {
    Polkit polkit;
    UserProcess process;
    GDBusConnection *user; /* a connection of it; NULL once the test has closed it */
    Agent agent;
} PromptScene;

/**
 * prompt_scene_start() - start all of that
 * @rules, @option: see polkit_start()
 * @manner: the agent's
 */
void prompt_scene_start(PromptScene *scene, const char *rules, const char *option,
                        AgentManner manner);

/** prompt_scene_wait() - wait until the service has asked polkit @n questions, has heard all that
 * polkit says to them at once, and asks no more. After a minute the test has failed. */
void prompt_scene_wait(PromptScene *scene, unsigned n);

/** prompt_scene_end() - stop whatever runs */
void prompt_scene_end(PromptScene *scene);
