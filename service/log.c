/* SPDX-License-Identifier: MIT */

#include "log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

/* Else each entry has this file and line for its place. */
#define SD_JOURNAL_SUPPRESS_LOCATION 1
#include <systemd/sd-journal.h>

#include "outcome.h"
#include "util.h"

#define FIELDS_MAX 6

/* A message, and an entry of the journal: that or a field, with its name. Longer ones are cut. */
#define MESSAGE_MAX (FAILURE_MESSAGE_MAX + QUOTE_SIZE)
#define ENTRY_MAX (MESSAGE_MAX + 32)

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it made; a stderr redirected since is
 * another file. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    /* NOLINTNEXTLINE(cert-err34-c): what is out of range is no file here */
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void send_to_journal(int priority, const LogField *fields, size_t n_fields,
                            const char *message)
{
    char entries[FIELDS_MAX + 2][ENTRY_MAX];
    struct iovec iov[FIELDS_MAX + 2];
    size_t n = 0;

    assert(n_fields <= FIELDS_MAX);
    snprintf(entries[n++], ENTRY_MAX, "PRIORITY=%d", priority);
    snprintf(entries[n++], ENTRY_MAX, "MESSAGE=%s", message);
    for (size_t i = 0; i < n_fields; i++)
        snprintf(entries[n++], ENTRY_MAX, "%s=%s", fields[i].name, fields[i].value);

    for (size_t i = 0; i < n; i++)
        iov[i] = (struct iovec){entries[i], strlen(entries[i])};
    (void)sd_journal_sendv(iov, (int)n);
}

static void __attribute__((format(printf, 4, 0)))
log_valist(int priority, const LogField *fields, size_t n_fields, const char *format,
           va_list arguments)
{
    char message[MESSAGE_MAX];

    if (!log_enabled(priority))
        return;

    vsnprintf(message, sizeof(message), format, arguments);
    if (stderr_is_journal())
        send_to_journal(priority, fields, n_fields, message);
    else
        fprintf(stderr, "mtrpacketd: %s\n", message);
}

bool log_enabled(int priority)
{
    return setlogmask(0) & LOG_MASK(priority); /* 0 only asks */
}

void log_message(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_valist(priority, NULL, 0, format, arguments);
    va_end(arguments);
}

void log_event(int priority, const LogField *fields, size_t n_fields, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_valist(priority, fields, n_fields, format, arguments);
    va_end(arguments);
}
