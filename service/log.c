/* SPDX-License-Identifier: MIT */

#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it made; a stderr redirected since is
 * another file. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_message(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (stderr_is_journal()) {
        (void)sd_journal_printv(priority, format, arguments);
    } else {
        flockfile(stderr);
        fputs("mtrpacketd: ", stderr);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        funlockfile(stderr);
    }
    va_end(arguments);
}
