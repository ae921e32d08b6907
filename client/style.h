/* SPDX-License-Identifier: MIT */
#pragma once

/* How text is set off on a terminal. */

#include <stdbool.h>

/* What each is begun with; all are "" where there is no colour. */
typedef struct Style {
    const char *bold, *faint, *bad, *end;
} Style;

/**
 * style_get() - the style for stdout
 *
 * Colours are for terminals. As with systemd's tools $SYSTEMD_COLORS, a boolean, has them always or
 * never, and $NO_COLOR never.
 */
Style style_get(void);
