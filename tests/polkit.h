/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service with a real polkitd beside it, on the bus of a sandbox: our policy is installed, the
 * rules are the test's, and the service is the user whom the policy lets ask. Nobody has a session,
 * since there is no systemd-logind.
 */

#include "fixture.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

#define ACTION_PROBE SERVICE_INTERFACE ".probe"
#define ACTION_SET_MARK SERVICE_INTERFACE ".set-mark"

/* Our policy, once the bus has been started. */
#define POLKIT_POLICY "/usr/share/polkit-1/actions/org.mtrpacket.MtrPacket1.policy"

typedef struct Polkit {
    Fixture fixture;
    GPid pid;           /* polkitd's; 0 while there is none, or nobody knows */
    bool adopted;       /* there is one, which is the machine's */
    unsigned n_changed; /* signals Changed so far, as the main context saw them */
    unsigned subscription;
} Polkit;

/**
 * polkit_start() - start the bus, polkit and the service
 * @polkit: filled in
 * @rules: see polkit_set_rules()
 * @option: a further option for the service, or NULL
 */
void polkit_start(Polkit *polkit, const char *rules, const char *option);

/**
 * polkit_adopt() - the polkit that a machine has
 * @root: a client of uid 0
 *
 * Only its rules are the test's, then. polkit_release() removes them.
 */
void polkit_adopt(Polkit *polkit, GDBusConnection *root);
void polkit_release(Polkit *polkit);

/** polkit_start_bus() - only the bus, where there is neither polkit nor the service */
void polkit_start_bus(Polkit *polkit, const char *rules);

/** polkit_start_bus_of() - the same with a bus of another kind */
void polkit_start_bus_of(Polkit *polkit, BusKind kind, const char *rules);

/** polkit_start_service() - the service, on a bus that is there */
void polkit_start_service(Polkit *polkit, const char *option);

/** polkit_start_daemon() - polkit, on a bus that is there, and wait until it owns its name */
void polkit_start_daemon(Polkit *polkit);

/** polkit_end_daemon() - end polkit with @signal, and wait until the bus has seen it go */
void polkit_end_daemon(Polkit *polkit, int signal);

/** polkit_pause_daemon() - stop polkit with SIGSTOP, and wait until it has */
void polkit_pause_daemon(Polkit *polkit);

/** polkit_catch_up() - return when polkit's answers up to now have reached the service */
void polkit_catch_up(Polkit *polkit);

/** polkit_stop() - stop whatever runs, as fixture_stop() does */
void polkit_stop(Polkit *polkit);

/**
 * polkit_set_rules() - what polkit decides by from now on
 * @rules: JavaScript that is run for each question about our actions, with `action` and `subject`,
 *   and returns YES, NO, AUTH_ADMIN, ...; NULL for what the policy says
 *
 * If polkit is there, it has read them when this returns. It may tell of it more than once, and the
 * service then ask more often than it would.
 */
void polkit_set_rules(Polkit *polkit, const char *rules);

/** polkit_install_rules() - the same with a file as it is, whose path is @path */
void polkit_install_rules(Polkit *polkit, const char *path);

/** polkit_uid() - the user that polkit is */
uid_t polkit_uid(void);

/* What goes over the bus between the service and polkit. */
typedef struct PolkitTraffic {
    Monitor monitor;
    Fixture *fixture;
    int n_questions; /* CheckAuthorization */
    int n_prompts;   /* of those, that let polkit ask the user */
    int n_details;   /* of those, that had details */
    int n_cancels;   /* CancelCheckAuthorization */
} PolkitTraffic;

/** polkit_traffic_start() - count from now on */
void polkit_traffic_start(PolkitTraffic *traffic, Fixture *fixture);

/** polkit_traffic_assert() - check that there were so many questions up to now, of which so many
 * let polkit ask the user; the service must have counted the same */
void polkit_traffic_assert(PolkitTraffic *traffic, int n_questions, int n_prompts);

/** polkit_traffic_end() - count no more */
void polkit_traffic_end(PolkitTraffic *traffic);

/* Whether a call lets the user be asked to authenticate. */
typedef enum CallManner {
    CALL_QUIET,
    CALL_INTERACTIVE,
} CallManner;

/** probe_start() - call Probe; see probe_arguments() */
void probe_start(Answer *answer, GDBusConnection *connection, CallManner manner, const char *host,
                 const char *options);

/** assert_granted() - probe, and check that it is sent and answered */
void assert_granted(GDBusConnection *connection, CallManner manner, const char *host,
                    const char *options);

/** assert_refused() - probe, and check that the answer is @error with @part in its message */
void assert_refused(GDBusConnection *connection, CallManner manner, const char *host,
                    const char *options, const char *error, const char *part);
