/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The service on a system bus of its own, inside a sandbox: a real dbus-daemon with the
 * distribution's configuration and our policy, the service as in its unit (an unprivileged user
 * with CAP_NET_RAW), and clients of any user, which speak through GDBus so that the service's own
 * D-Bus library is not the only judge.
 */

#include <gio/gio.h>

#include "buses.h"
#include "call.h"
#include "process.h"

/* An unprivileged user that is not the service's. */
#define FIXTURE_OTHER_UID 4242
#define FIXTURE_OTHER_USER "mtrpacketd-test"

typedef struct Fixture {
    Bus bus;
    GPid service_pid;      /* 0 once it has ended */
    GDBusConnection *root; /* a client of uid 0 */
} Fixture;

/**
 * fixture_main() - run g_test tests in a sandbox with our policy
 * @add_tests: adds them
 *
 * Return: the exit status for main().
 */
int fixture_main(int argc, char *argv[], void (*add_tests)(void));

/** fixture_add_user() - a user of the sandbox: a bus lets in only those that the system knows, as
 * it was when the bus was started or the user first came */
void fixture_add_user(const char *name, uid_t uid);

/** fixture_bus() - start the bus, and connect a client of uid 0; there is no service */
void fixture_bus(Fixture *fixture);

/** fixture_bus_of() - the same with a bus of another kind */
void fixture_bus_of(Fixture *fixture, BusKind kind);

/** fixture_launch() - start @argv as the service on a bus that is there, and wait until it owns its
 * name */
void fixture_launch(Fixture *fixture, const char *const argv[]);

/** fixture_launch_as() - the same, as user @uid with the capability of the unit */
void fixture_launch_as(Fixture *fixture, uid_t uid, const char *const argv[]);

/** fixture_launch_unprivileged() - the same, as nobody */
void fixture_launch_unprivileged(Fixture *fixture, const char *const argv[]);

/** fixture_launch_preloaded() - the service as nobody with a library preloaded, and one option */
void fixture_launch_preloaded(Fixture *fixture, const char *library, const char *option);

/**
 * fixture_start() - start the bus, and on it the service as its unit does, and wait until it owns
 * its name
 * @fixture: filled in
 * @packet_command: its --packet-command=, or NULL for the real mtr-packet
 */
void fixture_start(Fixture *fixture, const char *packet_command);

/** fixture_start_with() - the same, with a further option for the service */
void fixture_start_with(Fixture *fixture, const char *packet_command, const char *option);

/**
 * fixture_wait_probes() - run the main context until the service has so many probes in flight, and
 * so many that wait to be sent
 *
 * It asks the service again and again. After a minute the test has failed.
 */
void fixture_wait_probes(Fixture *fixture, unsigned in_flight, unsigned queued);

/** fixture_wait_service() - wait until the service ends by itself, and return its wait status */
int fixture_wait_service(Fixture *fixture);

/** fixture_stop() - stop the service with SIGTERM, check that it exits with 0 and leaves no
 * process, and stop the bus */
void fixture_stop(Fixture *fixture);

/** fixture_kill_bus() - kill the bus under the feet of all who are on it */
void fixture_kill_bus(Fixture *fixture);

/** fixture_end_service() - send the service @signal, and return its wait status */
int fixture_end_service(Fixture *fixture, int signal);

/**
 * dig_black_hole() - an interface whose neighbour takes every packet and answers none
 *
 * 192.0.2.2 and 2001:db8::2 are in it; 192.0.2.1/24 and 2001:db8::1/64 are ours.
 */
void dig_black_hole(void);

/** fill_black_hole() - remove the interface */
void fill_black_hole(void);

/* A look at everything that goes over the bus. */
typedef struct Monitor {
    GDBusConnection *connection;
    void (*seen)(GDBusMessage *message, void *userdata);
    void *userdata;
    int n_marks;
} Monitor;

/** monitor_start() - call @seen for each message from now on, in a thread of GDBus's */
void monitor_start(Monitor *monitor, void (*seen)(GDBusMessage *message, void *userdata),
                   void *userdata);

/** monitor_catch_up() - return when all that was sent up to now has been seen */
void monitor_catch_up(Monitor *monitor, Fixture *fixture);

/** monitor_stop() - look no more */
void monitor_stop(Monitor *monitor);

/** fixture_program() - a copy of a built program, named by environment variable @variable, that
 * every user may run */
const char *fixture_program(const char *variable, const char *name);

/**
 * fixture_processes() - how many processes there are besides the test's own: the bus, the service,
 * mtr-packet
 *
 * First it lets the service finish what it is at: a caller may have its answer before a dead child
 * is reaped.
 */
unsigned fixture_processes(Fixture *fixture);
