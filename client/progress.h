/* SPDX-License-Identifier: MIT */
#pragma once

/* A line at the end of what a terminal shows that changes, and goes when there is more to show. */

#include <stdbool.h>
#include <stdio.h>

typedef struct Progress {
    FILE *file;
    bool is_shown;
    unsigned columns; /* of the terminal; 0: there is none, and nothing is shown */
} Progress;

/** progress_init() - begin; it shows something only if @fd, where @file ends, is a
 * terminal that can */
void progress_init(Progress *progress, FILE *file, int fd);

/** progress_show() - show @text, as much as the line holds, instead of what was there */
void progress_show(Progress *progress, const char *text);

/** progress_clear() - take it away, before anything else is written */
void progress_clear(Progress *progress);
