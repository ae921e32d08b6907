/* SPDX-License-Identifier: MIT */
#pragma once

/* What the service says of itself: read from its properties, shown to a person or as JSON. */

#include <stdint.h>
#include <stdio.h>

#include <systemd/sd-bus.h>

#include "document.h"
#include "style.h"

/* More than a service of today has; of more, the rest is not shown. */
#define STATUS_FEATURES_MAX 32
#define STATUS_COUNTERS_MAX 64

typedef struct StatusCounter {
    const char *name;
    uint64_t value;
} StatusCounter;

typedef struct StatusReport {
    sd_bus_message *message; /* the answer, whose the strings are; or NULL, if they are others' */
    Moment started, ended;   /* when the service was asked, and had answered */
    const char *version;
    const char *packet_version; /* "" until mtr-packet was first started */
    uint32_t in_flight, queued; /* probes */
    size_t n_features;
    const char *features[STATUS_FEATURES_MAX];
    size_t n_counters;
    StatusCounter counters[STATUS_COUNTERS_MAX];
} StatusReport;

/**
 * status_report_read() - read the answer to GetAll of the service's properties
 * @report: its times are set; the rest is filled in on success, with a reference to the answer
 *
 * Properties that it does not know are of a newer service, and left out.
 *
 * Return: 0 or a negative errno.
 */
int status_report_read(StatusReport *report, sd_bus_message *reply);

/** status_report_clear() - forget it, and the answer; also where there is none */
void status_report_clear(StatusReport *report);

/** status_report_print() - write it as tables. Return: 0 or a negative errno. */
int status_report_print(const StatusReport *report, const Style *style, FILE *file);

/** status_report_to_json() - it as a document. Return: a new reference, or NULL if memory is out.
 */
json_t *status_report_to_json(const StatusReport *report);
