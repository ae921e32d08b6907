/* SPDX-License-Identifier: MIT */

#include "document.h"

#include <errno.h>
#include <time.h>

static uint64_t microseconds(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* fails for unknown clocks only */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

Moment moment_now(void)
{
    return (Moment){microseconds(CLOCK_REALTIME), microseconds(CLOCK_MONOTONIC)};
}

json_t *moment_to_json(const Moment *moment)
{
    return json_pack("{s:I, s:I}", "realtime_usec", (json_int_t)moment->realtime, "monotonic_usec",
                     (json_int_t)moment->monotonic);
}

json_t *document_new(const char *kind, const Moment *started, const Moment *ended)
{
    /* "o" takes the reference, and makes the whole fail on NULL. */
    return json_pack("{s:i, s:s, s:o, s:o}", "schema", DOCUMENT_SCHEMA, "kind", kind, "started",
                     moment_to_json(started), "ended", moment_to_json(ended));
}

int document_write(json_t *document, JsonMode mode, FILE *file)
{
    /* In ASCII: nothing that a string holds acts on a terminal. */
    size_t flags = JSON_REAL_PRECISION(15) | JSON_ENSURE_ASCII |
                   (mode == JSON_PRETTY ? JSON_INDENT(8) : JSON_COMPACT);
    int r;

    if (!document)
        return -ENOMEM;
    errno = 0;
    r = json_dumpf(document, file, flags);
    if (r < 0 || putc('\n', file) == EOF)
        r = errno > 0 ? -errno : -EIO;
    json_decref(document);
    return r < 0 ? r : 0;
}
