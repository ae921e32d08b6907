/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the administrator is told: in the journal where stderr is connected to it, as in a unit, and
 * on stderr otherwise. How much of it is the C library's setlogmask(3), which main() sets.
 */

#include <stdbool.h>
#include <stddef.h>

/* A journal field of the program's own, see systemd.journal-fields(7). */
typedef struct LogField {
    const char *name; /* upper case */
    const char *value;
} LogField;

/* Of messages that programs look for in the journal: the MESSAGE_ID, which never changes. */
#define LOG_ID_PROCESS_STARTED "0c0f6e93b1594a5fa6e1e32c6e0ab0d8"
#define LOG_ID_PROCESS_LOST "6d4fcb2c1c5d4ae99bde4d6e9c36a5f1"
#define LOG_ID_DENIED "221b17dbb1094376a42f4b640a4b5dba"

/** log_enabled() - whether messages of @priority are shown, for who would go to some length to
 * write one */
bool log_enabled(int priority);

/**
 * log_message() - tell the administrator
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, ... of syslog(3)
 * @format: printf format, one line without newline
 */
void log_message(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** log_event() - log_message() with fields, which only the journal keeps */
void log_event(int priority, const LogField *fields, size_t n_fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
