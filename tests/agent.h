/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The agent with which polkit asks a user to authenticate: what pkttyagent is on a terminal. It
 * says yes as the setuid helper does after PAM, or no, or leaves the prompt up until it is told. Of
 * one process polkit takes one agent.
 */

#include "fixture.h"

typedef enum AgentManner {
    AGENT_YES,     /* the password is right */
    AGENT_NO,      /* it is wrong */
    AGENT_DISMISS, /* the user closes the prompt */
    AGENT_WAIT,    /* the prompt stays up */
} AgentManner;

typedef struct Agent {
    Fixture *fixture;
    uid_t uid;
    GPid pid;
    GDBusConnection *connection;
    unsigned registration;
    AgentManner manner; /* with the prompts that come */

    unsigned n_prompts; /* so far */
    unsigned n_cancelled;
    GPtrArray *open;     /* Prompts */
    unsigned n_open_max; /* at a time, so far */

    /* of the last prompt: */
    char *action, *message;
    GHashTable *details;
} Agent;

/** agent_start() - become the agent of process @pid, which is user @uid's */
void agent_start(Agent *agent, Fixture *fixture, GPid pid, uid_t uid, AgentManner manner);

/** agent_register() - tell a polkit about it that has come since */
void agent_register(Agent *agent);

/** agent_wait() - run the main context until there have been so many prompts, and so many of them
 * were cancelled */
void agent_wait(const Agent *agent, unsigned n_prompts, unsigned n_cancelled);

/** agent_answer() - answer the oldest prompt that is up */
void agent_answer(Agent *agent, AgentManner manner);

/** agent_end() - leave the bus */
void agent_end(Agent *agent);
