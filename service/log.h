/* SPDX-License-Identifier: MIT */
#pragma once

/**
 * log_message() - tell the administrator
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, ... of syslog(3)
 * @format: printf format, one line without newline
 *
 * Goes to the journal where stderr is connected to it, as in a unit, and to stderr otherwise.
 */
void log_message(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
