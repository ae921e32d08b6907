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

#include "document.h"

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

typedef struct ProbeReport {
    sd_bus_message *message; /* the answer, whose the strings are; or NULL, if they are others' */
    Moment started, ended;   /* when the call was sent, and its answer read */
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
 * @report: its times are set; the rest is filled in on success, with a reference to the answer
 *
 * Return: 0 or a negative errno.
 */
int probe_report_read(ProbeReport *report, sd_bus_message *reply);

/** probe_report_clear() - forget it, and the answer; also where there is none */
void probe_report_clear(ProbeReport *report);

/** probe_report_is_sent() - false for results that say that the probe never left this machine, as
 * no-route without a responder */
bool probe_report_is_sent(const ProbeReport *report);

/** probe_report_print_hint() - where the probe found no way out, write a line that says what may
 * help; else nothing */
void probe_report_print_hint(const ProbeReport *report, FILE *file);

/** probe_report_print() - write the one line that a person reads */
void probe_report_print(const ProbeReport *report, FILE *file);

/** probe_report_print_labels() - write its label stack, which is not empty, without a line's end */
void probe_report_print_labels(const ProbeReport *report, FILE *file);

/**
 * probe_report_add_json() - add what the probe's answer says to an object
 *
 * Return: 0 or a negative errno.
 */
int probe_report_add_json(const ProbeReport *report, json_t *object);
