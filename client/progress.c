/* SPDX-License-Identifier: MIT */

#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80

void progress_init(Progress *progress, FILE *file, int fd)
{
    const char *terminal = getenv("TERM");
    struct winsize size;

    *progress = (Progress){.file = file};
    if (!isatty(fd) || !terminal || strcmp(terminal, "dumb") == 0)
        return;
    progress->columns = COLUMNS_DEFAULT;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        progress->columns = size.ws_col;
}

void progress_show(Progress *progress, const char *text)
{
    if (progress->columns == 0)
        return;
    /* Not up to the last column: there a terminal may begin a new line. */
    fprintf(progress->file, "\r%.*s\033[K", (int)progress->columns - 1, text);
    (void)fflush(progress->file);
    progress->is_shown = true;
}

void progress_clear(Progress *progress)
{
    if (progress->is_shown)
        fputs("\r\033[K", progress->file);
    progress->is_shown = false;
}
