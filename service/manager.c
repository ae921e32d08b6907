/* SPDX-License-Identifier: MIT */

#include "manager.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "bus-api.h"
#include "bus-error.h"
#include "log.h"

/* What RequestName of the D-Bus specification answers when the name is ours. */
#define REQUEST_NAME_PRIMARY_OWNER 1

/* How late the end of an idle time may be noticed, in microseconds. */
#define IDLE_ACCURACY_USEC 10000

/*
 * The stop
 */

static void leave(Manager *manager)
{
    (void)sd_event_exit(manager->event, 0);
}

static int on_farewell(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    leave(userdata);
    return 0;
}

/*
 * All is answered: but the bus may not have read those answers yet, and drops them if a connection
 * is closed on which it has sent what was not read. So one more question: when that is answered,
 * all before it has arrived.
 */
static void farewell(Manager *manager)
{
    manager->name_question = sd_bus_slot_unref(manager->name_question);
    if (sd_bus_call_method_async(manager->bus, &manager->name_question, BUS_DRIVER_NAME,
                                 BUS_DRIVER_PATH, BUS_DRIVER_INTERFACE, "GetId", on_farewell,
                                 manager, NULL) < 0)
        leave(manager);
}

/*
 * Every call that the bus sent to the name's owner lies before this reply: those have been refused,
 * or are answered to their end. Later ones start the service anew.
 */
static int on_released(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Manager *manager = userdata;

    manager->released = manager->refusing = true;
    if (manager->callers.n_busy == 0)
        farewell(manager);
    return 0;
}

static void release_name(Manager *manager)
{
    manager->stopping = true;
    (void)sd_event_source_set_enabled(manager->idle, SD_EVENT_OFF);

    /* Before the name goes: else systemd takes that for the end, and sends SIGTERM instead of
     * waiting. */
    (void)sd_notify(false, "STOPPING=1");

    /* Also where the bus has not yet said that the name is ours: it may be, and calls on their way
     * to it. */
    manager->name_question = sd_bus_slot_unref(manager->name_question);
    if (sd_bus_release_name_async(manager->bus, &manager->name_question, BUS_NAME, on_released,
                                  manager) < 0)
        leave(manager);
}

/* Told to stop: what is under way is cancelled, what comes is refused. Told twice, nothing is
 * waited for any longer. */
static void stop(Manager *manager)
{
    Failure failure;

    if (manager->told) {
        leave(manager);
        return;
    }
    manager->told = manager->refusing = true;

    failure_set(&failure, OUTCOME_CANCELLED, "the service was stopped before there was an answer");
    callers_cancel(&manager->callers, &failure);
    if (!manager->stopping)
        release_name(manager);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
    release_name(userdata);
    return 0;
}

/* Nothing to do: that is the end of a stop, or the beginning of an idle time. */
static void on_busy(void *userdata, bool busy)
{
    Manager *manager = userdata;

    if (manager->released && !busy) {
        farewell(manager);
    } else if (!manager->stopping && manager->idle_usec > 0) {
        (void)sd_event_source_set_time_relative(manager->idle, manager->idle_usec);
        (void)sd_event_source_set_enabled(manager->idle, busy ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
    }
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    stop(userdata);
    return 0;
}

static int on_named(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Manager *manager = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(message);
    uint32_t answer;

    if (error) {
        log_message(LOG_ERR, "cannot own %s on the bus: %s", BUS_NAME, error->message);
        return sd_event_exit(manager->event, -EACCES);
    }
    if (sd_bus_message_read_basic(message, 'u', &answer) < 0 ||
        answer != REQUEST_NAME_PRIMARY_OWNER) {
        log_message(LOG_ERR,
                    "cannot own %s on the bus: somebody else does, perhaps another mtrpacketd",
                    BUS_NAME);
        return sd_event_exit(manager->event, -EEXIST);
    }
    return 0;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    Manager *manager = userdata;

    log_message(LOG_ERR, "the connection to the bus is lost");
    return sd_event_exit(manager->event, -ECONNRESET);
}

static void on_packet_started(void *userdata, const PacketSupport *support)
{
    Manager *manager = userdata;

    if (memcmp(&manager->support, support, sizeof(*support)) == 0)
        return;

    manager->support = *support;
    bus_api_packet_changed(manager);
}

/* The bus side: the object first, so that whoever sees the name also finds the object. */
static int connect_bus(Manager *manager, const Limits *limits)
{
    int r;

    r = sd_bus_open_system_with_description(&manager->bus, "system");
    if (r < 0) {
        log_message(LOG_ERR, "cannot connect to the system bus: %s", strerror(-r));
        return r;
    }

    r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_bus_match_signal_async(manager->bus, &manager->disconnected, NULL,
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                      "Disconnected", on_disconnected, NULL, manager);
    if (r >= 0)
        r = authority_new(&manager->authority, manager->bus, limits, &manager->statistics);
    if (r >= 0)
        r = callers_init(&manager->callers, manager->bus, manager->authority, manager->quota,
                         manager->resolver, &manager->statistics, on_busy, manager);
    if (r >= 0)
        r = bus_api_export(manager, &manager->object);
    if (r >= 0)
        r = sd_bus_request_name_async(manager->bus, &manager->name_question, BUS_NAME, 0, on_named,
                                      manager);
    if (r < 0)
        log_message(LOG_ERR, "cannot set up the connection to the bus: %s", strerror(-r));
    return r;
}

static int setup_event(Manager *manager, const char *packet_command, const Limits *limits)
{
    int r;

    r = sd_event_default(&manager->event);
    if (r >= 0)
        r = sd_event_set_watchdog(manager->event, true);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGTERM, on_signal, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGINT, on_signal, manager);
    if (r >= 0)
        r = sd_event_add_time_relative(manager->event, &manager->idle, CLOCK_MONOTONIC,
                                       manager->idle_usec, IDLE_ACCURACY_USEC, on_idle, manager);
    if (r >= 0)
        r = sd_event_source_set_enabled(manager->idle,
                                        manager->idle_usec > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    if (r >= 0)
        r = quota_new(&manager->quota, manager->event, limits, &manager->statistics);
    if (r >= 0)
        r = resolver_new(&manager->resolver, manager->event, limits, &manager->statistics);
    if (r >= 0)
        r = scheduler_new(&manager->scheduler, manager->event, packet_command, limits,
                          &manager->statistics, on_packet_started, manager);
    if (r < 0)
        log_message(LOG_ERR, "cannot set up the event loop: %s", strerror(-r));
    return r;
}

int manager_new(Manager **ret, const char *packet_command, const Limits *limits, uint64_t idle_usec)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r;

    manager = calloc(1, sizeof(*manager));
    if (!manager) {
        log_message(LOG_ERR, "out of memory");
        return -ENOMEM;
    }

    manager->idle_usec = idle_usec;
    r = setup_event(manager, packet_command, limits);
    if (r >= 0)
        r = connect_bus(manager, limits);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(manager);
    return 0;
}

int manager_run(Manager *manager)
{
    return sd_event_loop(manager->event);
}

Manager *manager_free(Manager *manager)
{
    Failure failure;

    if (!manager)
        return NULL;

    /* After an orderly stop there are none; after a loss of the bus they have nobody left to
     * answer. */
    manager->stopping = true;
    manager->released = false;
    failure_set(&failure, OUTCOME_CANCELLED, "the service ended before there was an answer");
    callers_cancel(&manager->callers, &failure);
    callers_deinit(&manager->callers);
    authority_free(manager->authority);
    scheduler_free(manager->scheduler);
    resolver_free(manager->resolver);
    quota_free(manager->quota);

    sd_event_source_disable_unref(manager->idle);
    sd_bus_slot_unref(manager->object);
    sd_bus_slot_unref(manager->name_question);
    sd_bus_slot_unref(manager->disconnected);
    sd_bus_flush_close_unref(manager->bus);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}
