/* SPDX-License-Identifier: MIT */
#pragma once

/* mtrpacketctl, run by root to its end, and the documents that it writes. */

#include <glib.h>
#include <jansson.h>

#include "fixture.h"

typedef struct ClientRun {
    int status;
    char *out, *err;
} ClientRun;

/* Times as trace shows them: one, and those of three probes. */
#define CLIENT_MS "[0-9]+\\.[0-9]{3} ms"
#define CLIENT_MS3 "  " CLIENT_MS "  " CLIENT_MS "  " CLIENT_MS

/** client_in_network() - run @test with the service in the network of network.h */
void client_in_network(void (*test)(Fixture *fixture));

/** client_run() - run mtrpacketctl with these words, as a shell reads them */
ClientRun client_run(const char *arguments);

/** client_run_clear() - free what it wrote */
void client_run_clear(ClientRun *run);

/** client_argv() - the whole command, to be freed */
char **client_argv(const char *arguments);

/** client_assert() - run it, and check its exit status, its whole stdout against a pattern, and its
 * whole stderr, a line or nothing, against another */
void client_assert(const char *arguments, int status, const char *out_pattern,
                   const char *err_pattern);

/** client_document() - run it with --json=short, check its exit status, and that it wrote one
 * document and no error; a new reference */
json_t *client_document(const char *arguments, int status);

/** document_usec() - how long the time from its start to its end was, or that of a probe in it */
gint64 document_usec(const json_t *object);

/** document_moment() - CLOCK_MONOTONIC at its "started" or "ended", in microseconds */
gint64 document_moment(const json_t *object, const char *which);

/** document_probe() - a probe of a hop in a trace, by their places in it */
const json_t *document_probe(const json_t *trace, size_t hop, size_t query);

/** document_hops() - a trace's hops, a line for each: its number, and for each probe the result and
 * the responder, as "1 ttl-expired@192.0.2.2 no-reply@"; to be freed */
char *document_hops(const json_t *trace);
