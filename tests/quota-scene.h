/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of users' quotas on a bus stand on: everybody may probe, and many do. */

#include "crowd.h"
#include "fixture.h"
#include "polkit.h"

/* Users. */
#define FIRST FIXTURE_OTHER_UID
#define SECOND (FIXTURE_OTHER_UID + 1)

/** quota_start() - start the bus, a polkit that lets everybody, and the service with these options,
 * NULL at the end; NULL is none */
void quota_start(Polkit *polkit, const char *packet_command, const char *const options[]);

/** quota_stop() - what came has gone again: stop all */
void quota_stop(Polkit *polkit);

/** quota_fake() - the fake mtr-packet under a name, which says how it behaves (fake-packet.h) */
const char *quota_fake(const char *name);

/** fake_pattern() - the options of a probe that the fake does this with, to be freed */
char *fake_pattern(int number, const char *further);

/** fake_let_go() - have a fake that is late answer what it was asked, and what it will be */
void fake_let_go(void);

/** fake_release() - have a fake answer what it keeps */
void fake_release(const Polkit *polkit);

/** assert_probe() - probe, and check that there is a reply */
void assert_probe(GDBusConnection *connection, const char *host, const char *options);

/** assert_probe_refused() - probe, and check that it is one too many */
void assert_probe_refused(GDBusConnection *connection, const char *message);

/** check_support() - call CheckSupport */
void check_support(Answer *answer, GDBusConnection *connection, const char *feature);

/** connection_catch_up() - return when the service has handled all that this connection has sent */
void connection_catch_up(GDBusConnection *connection);

/** send_unanswered() - a call whose answer nobody wants */
void send_unanswered(GDBusConnection *connection, const char *method, GVariant *arguments);

/** crowd_refused() - how many of a crowd were refused with @message; those that were answered
 * otherwise have failed */
unsigned crowd_refused(const Crowd *crowd, const char *message);

/** crowd_wait_answered() - run the main context until so many of a crowd were answered */
void crowd_wait_answered(const Crowd *crowd, unsigned n);
