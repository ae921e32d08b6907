/* SPDX-License-Identifier: MIT */
#pragma once

/* Sends probes to one host, many at a time, each as a call of the service. */

#include <stdbool.h>

#include "ctl.h"
#include "probe-arguments.h"
#include "probe-report.h"

/* Calls that wait at a time. dbus-daemon lets a connection have 128; the rest is for others that a
 * user of the library may add, and for the bus's own. */
#define PROBER_WAITING_MAX 90

typedef struct Prober Prober;

typedef struct ProberEvents {
    /* The probe with this number has ended. The report is the receiver's to take, with
     * probe_report_clear() to follow; else it is cleared. */
    void (*answered)(unsigned number, ProbeReport *report, void *userdata);

    /* Something else was answered; ctl_refused() can say it. */
    void (*refused)(unsigned number, const sd_bus_error *error, int r, void *userdata);
} ProberEvents;

/**
 * prober_new() - make one; ctl is connected, and its bus attached to an event loop
 * @host, @arguments: of each probe; borrowed
 *
 * Return: 0 or a negative errno.
 */
int prober_new(Prober **ret, Ctl *ctl, const char *host, const ProbeArguments *arguments,
               const ProberEvents *events, void *userdata);

/** prober_free() - wait for no answer any more. Return: NULL. */
Prober *prober_free(Prober *prober);

/** prober_waiting() - how many probes have no answer yet */
unsigned prober_waiting(const Prober *prober);

/**
 * prober_send() - send a probe
 * @number: for its answer
 * @ttl: its hop limit, 1-255, or 0 for that of the arguments
 *
 * Fewer than PROBER_WAITING_MAX wait.
 *
 * Return: 0 or an exit status, when it was said on stderr why not.
 */
int prober_send(Prober *prober, unsigned number, unsigned ttl);

/**
 * prober_call_new() - the call for one probe
 * @ret: the message
 *
 * Return: as prober_send().
 */
int prober_call_new(Ctl *ctl, sd_bus_message **ret, const char *host,
                    const ProbeArguments *arguments);
