/* SPDX-License-Identifier: MIT */
#pragma once

/* The result of a probe as the client has it: read from the service's answer, shown to a person or
 * as JSON. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <systemd/sd-bus.h>

typedef struct ReportLabel {
    uint32_t label;
    uint8_t traffic_class;
    int bottom_of_stack; /* as D-Bus has booleans */
    uint8_t ttl;
} ReportLabel;

typedef struct ReportDetail {
    const char *name;
    const char *value;
} ReportDetail;

/* The service sends no more than these, and a client shows no more. */
#define REPORT_LABELS_MAX 32
#define REPORT_DETAILS_MAX 64

/* Strings live as long as the message that was read. */
typedef struct ProbeReport {
    bool success;
    const char *result;
    double time_ms;        /* NaN where there is none */
    const char *responder; /* "" where there is none */
    const char *address;   /* what was probed; "" where the service does not say */
    size_t n_labels;
    ReportLabel labels[REPORT_LABELS_MAX];
    size_t n_details; /* without the address; those that are strings */
    ReportDetail details[REPORT_DETAILS_MAX];
} ProbeReport;

/**
 * probe_report_read() - read the answer to a Probe call
 *
 * Return: 0 or a negative errno.
 */
int probe_report_read(ProbeReport *ret, sd_bus_message *reply);

/** probe_report_print() - write the one line that a person reads */
void probe_report_print(const ProbeReport *report, FILE *file);

/**
 * probe_report_to_json() - the report as a JSON object
 * @host: the host as it was given
 *
 * Return: a new reference, or NULL if memory is out.
 */
json_t *probe_report_to_json(const ProbeReport *report, const char *host);
