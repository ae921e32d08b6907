/* SPDX-License-Identifier: MIT */

#include "soak-tally.h"

#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "call.h"
#include "soak-board.h"

/* What is known of a call. */
#define CALLED 1
#define WANTS_NONE 2
#define ANSWERED 4

typedef struct SoakTally {
    Board *board;
    GHashTable *callers; /* by name on the bus: of each call, by its cookie */
} SoakTally;

static guint8 *state(SoakTally *tally, const char *caller, uint64_t cookie)
{
    GByteArray *calls = g_hash_table_lookup(tally->callers, caller);

    if (!calls) {
        calls = g_byte_array_new();
        g_hash_table_insert(tally->callers, g_strdup(caller), calls);
    }
    if (cookie >= calls->len) {
        guint before = calls->len;

        g_byte_array_set_size(calls, (guint)cookie + 64);
        memset(calls->data + before, 0, calls->len - before);
    }
    return &calls->data[cookie];
}

static void note_call(SoakTally *tally, sd_bus_message *message)
{
    guint8 *call;
    uint64_t cookie;

    if (sd_bus_message_get_cookie(message, &cookie) < 0 || !sd_bus_message_get_sender(message))
        return;
    call = state(tally, sd_bus_message_get_sender(message), cookie);
    *call = CALLED;
    if (!sd_bus_message_get_expect_reply(message))
        *call |= WANTS_NONE;
}

/* An answer to something else than a call of the service is not ours: it calls others, too. */
static void note_answer(SoakTally *tally, sd_bus_message *message)
{
    const char *caller = sd_bus_message_get_destination(message);
    guint8 *call;
    uint64_t cookie;

    if (!caller || sd_bus_message_get_reply_cookie(message, &cookie) < 0)
        return;
    call = state(tally, caller, cookie);
    if (!(*call & CALLED))
        return;
    atomic_fetch_add(&tally->board->n_tallied, 1);
    if (*call & WANTS_NONE) {
        atomic_fetch_add(&tally->board->n_unwanted, 1);
        board_fail(tally->board,
                   "call %" G_GUINT64_FORMAT " of %s was answered, and wanted no answer",
                   (guint64)cookie, caller);
    } else if (*call & ANSWERED) {
        atomic_fetch_add(&tally->board->n_twice, 1);
        board_fail(tally->board, "call %" G_GUINT64_FORMAT " of %s was answered twice",
                   (guint64)cookie, caller);
    }
    *call |= ANSWERED;
}

static void look(SoakTally *tally, sd_bus_message *message)
{
    uint8_t type;

    if (sd_bus_message_get_type(message, &type) < 0)
        return;
    if (type == SD_BUS_MESSAGE_METHOD_CALL)
        note_call(tally, message);
    else if (type == SD_BUS_MESSAGE_METHOD_RETURN || type == SD_BUS_MESSAGE_METHOD_ERROR)
        note_answer(tally, message);
}

static int become_monitor(sd_bus *bus)
{
    /* An answer has the service's name on the bus for its sender, of which a bus knows whose it is.
     * Those of the bus itself, that there is no service, do not count as the service's. */
    return sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus.Monitoring", "BecomeMonitor", NULL, NULL, "asu",
                              3, "type='method_call',destination='" SERVICE_NAME "'",
                              "type='method_return',sender='" SERVICE_NAME "'",
                              "type='error',sender='" SERVICE_NAME "'", 0);
}

int tally_main(void)
{
    SoakTally tally = {.board = board_map()};
    sd_bus *bus = NULL;
    int r;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    tally.callers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_byte_array_unref);
    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, CALL_BUS_ADDRESS);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, true);
    if (r >= 0)
        r = sd_bus_set_monitor(bus, true);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        r = become_monitor(bus);
    if (r < 0) {
        board_fail(tally.board, "nobody tallies: %s", g_strerror(-r));
        return 1;
    }
    for (;;) {
        sd_bus_message *message = NULL;

        r = sd_bus_process(bus, &message);
        if (r < 0)
            break; /* the bus has ended */
        if (message)
            look(&tally, message);
        sd_bus_message_unref(message);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
        if (r < 0)
            break;
    }
    sd_bus_unref(bus);
    g_hash_table_unref(tally.callers);
    return 0;
}
