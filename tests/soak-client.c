/* SPDX-License-Identifier: MIT */

#include "soak-client.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "soak-call.h"
#include "soak-program.h"
#include "soak-stream.h"

void client_count(Client *client, Counter counter, unsigned n)
{
    atomic_fetch_add(&client->counts->counts[counter], n);
}

bool client_chance(Client *client, double probability)
{
    return g_rand_double(client->rand) < probability;
}

void client_note_outstanding(Client *client, int n, bool commands)
{
    atomic_fetch_add(commands ? &client->counts->outstanding_commands
                              : &client->counts->outstanding,
                     (uint32_t)n);
}

/* Only a call is told that it was a pause. */
uint32_t client_faults(Client *client, const Said *said, int64_t sent)
{
    bool pause = said->error && strcmp(said->error, ERROR_PROCESS) == 0 &&
                 (!said->message || strstr(said->message, "not started again"));

    return board_faults(client->board, pause ? sent - CLIENT_PAUSE_USEC : sent);
}

/* How much earlier, or later, than its timeout ago a probe may have been sent: mtr-packet rounds
 * that up to seconds, and what is said is not read at once. In microseconds. */
#define SENT_EARLIER (3 * 1000000LL)
#define SENT_LATER (1 * 1000000LL)

uint32_t client_loss_faults(Client *client, const Ask *ask, uint32_t faults)
{
    const uint32_t takers = FAULT_BIT(FAULT_LOSS) | FAULT_BIT(FAULT_LINK);
    const uint32_t stops = FAULT_BIT(FAULT_STOP) | FAULT_BIT(FAULT_RUSH);
    int64_t now = board_now(), sent = now - (int64_t)(ask_timeout(ask) * 1e6);

    return (faults & ~(takers | stops)) | (board_faults(client->board, now) & stops) |
           (board_faults_between(client->board, sent - SENT_EARLIER, sent + SENT_LATER) & takers);
}

static Counter counter_of_error(const char *name)
{
    if (strcmp(name, ERROR_PROCESS) == 0)
        return COUNT_E_PROCESS;
    if (strcmp(name, ERROR_INVALID_ARGS) == 0)
        return COUNT_E_INVALID;
    if (strcmp(name, ERROR_ACCESS_DENIED) == 0)
        return COUNT_E_DENIED;
    if (strcmp(name, "org.freedesktop.DBus.Error.NoMemory") == 0)
        return COUNT_E_MEMORY;
    return COUNT_E_OTHER;
}

/* What a fault is the excuse for. */
static Counter counter_of_excuse(const Said *said)
{
    if (!said->error)
        return said->word && strcmp(said->word, "no-reply") == 0 ? COUNT_MAYBE_LOST
                                                                 : COUNT_MAYBE_NO_WAY;
    if (truth_is_gone(said->error))
        return COUNT_MAYBE_GONE;
    switch ((int)counter_of_error(said->error)) {
    case COUNT_E_PROCESS:
        return COUNT_MAYBE_PROCESS;
    case COUNT_E_DENIED:
        return COUNT_MAYBE_DENIED;
    case COUNT_E_MEMORY:
        return COUNT_MAYBE_MEMORY;
    default:
        return COUNT_MAYBE_ERROR;
    }
}

static void count_word(Client *client, const char *word)
{
    if (strcmp(word, "reply") == 0)
        client_count(client, COUNT_SENT_OK, 1);
    else if (strcmp(word, "ttl-expired") == 0)
        client_count(client, COUNT_EXPIRED, 1);
    else if (strcmp(word, "no-reply") == 0)
        client_count(client, COUNT_LOST, 1);
}

static char *text_of(const Said *said)
{
    if (said->error)
        return g_strdup_printf("%s: %s", said->error, said->message ? said->message : "");
    if (!said->word)
        return g_strdup("nothing wrong");
    return g_strdup_printf("%s%.0d from %s in %.3f ms", said->word, said->number,
                           *said->responder ? said->responder : "nobody", said->time_ms);
}

void client_note_verdict(Client *client, Verdict verdict, const Said *said, int64_t sent,
                         char *what, char *why)
{
    g_autofree char *question = what, *expected = why;

    if (said->error)
        client_count(client, counter_of_error(said->error), 1);
    else if (said->word)
        count_word(client, said->word);
    if (verdict == VERDICT_EXCUSED)
        client_count(client, counter_of_excuse(said), 1);
    if (verdict == VERDICT_FALSE) {
        g_autofree char *answer = text_of(said);
        char faults[1024];

        board_describe(client->board, sent, faults, sizeof(faults));
        client_count(client, COUNT_FALSE, 1);
        board_fail(
            client->board,
            "client %u (seed %u, %s): %s: %s, after %.3f s; expected: %s; faults, in seconds "
            "from now: %s",
            client->slot, client->seed, client->user->name, question, answer,
            (double)(board_now() - sent) / 1e6, expected ? expected : "nothing of that", faults);
    }
}

void client_look(Client *client)
{
    if (client->leaving && client->n_calls == 0 && !client->stream && !client->opens_stream &&
        !client->program)
        (void)sd_event_exit(client->event, 0);
}

/* Begins to leave: what is in flight is waited for. */
static void leave(Client *client)
{
    if (!client->leaving && client->stream)
        soak_stream_shut(client->stream);
    client->leaving = true;
    client_look(client);
}

static void act(Client *client)
{
    double dice = g_rand_double(client->rand);

    if (client->stream)
        soak_stream_act(client->stream);
    if (dice < 0.60)
        call_probe(client);
    else if (dice < 0.64)
        for (int n = g_rand_int_range(client->rand, 5, 50); n > 0; n--)
            call_probe(client);
    else if (dice < 0.72)
        call_badly(client);
    else if (dice < 0.77)
        call_check_support(client);
    else if (dice < 0.81)
        call_session(client);
    else if (dice < 0.825)
        call_stream(client);
    else if (dice < 0.86)
        call_without_reply(client);
    else if (dice < 0.87)
        call_property(client);
    else if (dice < 0.8703)
        call_beyond(client);
    else if (dice < 0.8735 && !client->program)
        client->program = soak_program_new(client);
    else if (dice < 0.8755 && !client->stream && client->user->uid == 0)
        client->stream = soak_stream_new_bridge(client);
    else if (dice < 0.8757) { /* in the middle of it */
        client_count(client, COUNT_ABANDONED, atomic_load(&client->counts->outstanding));
        client_count(client, COUNT_CUT, atomic_load(&client->counts->outstanding_commands));
        _exit(0);
    }
}

static bool is_rush(Client *client)
{
    return board_faults(client->board, board_now()) & FAULT_BIT(FAULT_RUSH);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    Client *client = userdata;
    uint64_t pause =
        is_rush(client) ? 5000 : (uint64_t)g_rand_int_range(client->rand, 5000, 150000);

    if (atomic_load(&client->board->drain) || board_now() > client->leaves)
        leave(client);
    if (!client->leaving)
        act(client);
    else if (client->stream)
        soak_stream_act(client->stream); /* it looks whether it ends */
    (void)sd_event_source_set_time_relative(source, pause);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

static void connect_bus(Client *client)
{
    int r;

    r = sd_bus_open_system(&client->bus);
    if (r >= 0)
        r = sd_bus_attach_event(client->bus, client->event, 0);
    if (r < 0) {
        if (board_faults(client->board, board_now()) & FAULT_BIT(FAULT_BUS))
            _exit(CLIENT_BUS_LOST);
        board_fail(client->board, "client %u: no bus: %s", client->slot, strerror(-r));
        _exit(1);
    }
}

int client_main(char *argv[])
{
    unsigned slot = (unsigned)atoi(argv[0]);
    Client client = {
        .board = board_map(),
        .user = &soak_users[atoi(argv[1])],
        .seed = (uint32_t)strtoul(argv[2], NULL, 10),
        .slot = slot,
    };
    sd_event_source *timer;
    int r;

    client.counts = &client.board->clients[slot];
    client.rand = g_rand_new_with_seed(client.seed);
    client.leaves = board_now() + g_rand_int_range(client.rand, 2000, 20000) * 1000;
    if (setresgid(client.user->uid, client.user->uid, client.user->uid) < 0 ||
        setresuid(client.user->uid, client.user->uid, client.user->uid) < 0)
        return 1;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);

    g_assert_cmpint(sd_event_new(&client.event), >=, 0);
    connect_bus(&client);
    call_watch_unwanted(&client);
    r = sd_event_add_time_relative(client.event, &timer, CLOCK_MONOTONIC, 0, 1000, on_time,
                                   &client);
    g_assert_cmpint(r, >=, 0);
    r = sd_event_loop(client.event);
    sd_event_source_unref(timer);
    (void)sd_bus_flush(client.bus);
    _exit(r < 0 ? 1 : r); /* what it has not freed is of no interest */
}
