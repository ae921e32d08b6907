/* SPDX-License-Identifier: MIT */

/*
 * The service under load and under faults, for as long as one likes: fifty clients at a time call
 * it at random, a scheduler breaks what it stands on, and everything that is answered is held
 * against what the network is. See tests/soak.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"
#include "soak-client.h"
#include "soak-faults.h"
#include "soak-tally.h"
#include "soak-watch.h"

#define SECOND 1000000LL

/* How long clients may take to leave: as long as a call may wait for its answer, and some more. */
#define DRAIN_MAX (50 * SECOND)

/* Of each round so much is without faults, but for clients that are killed. */
#define CALM 0.15

/* From so many minutes on there is a round for each. */
#define ROUNDS_FROM 4

#define FAULTS_ALWAYS                                                                              \
    (FAULT_BIT(FAULT_KILL) | FAULT_BIT(FAULT_STOP) | FAULT_BIT(FAULT_CLIENT) |                     \
     FAULT_BIT(FAULT_POLKIT_GONE) | FAULT_BIT(FAULT_POLKIT_STOP) | FAULT_BIT(FAULT_ROUTE) |        \
     FAULT_BIT(FAULT_REJECT) | FAULT_BIT(FAULT_LINK) | FAULT_BIT(FAULT_LOSS) |                     \
     FAULT_BIT(FAULT_RUSH) | FAULT_BIT(FAULT_CLOCK) | FAULT_BIT(FAULT_FORK))

typedef struct Soak {
    Scene scene;
    Faults faults;
    Watch watch;
    uint32_t seed;
    int64_t begun;
} Soak;

static void turn(Soak *soak)
{
    scene_iterate();
    scene_look(&soak->scene);
    faults_turn(&soak->faults);
    watch_sample(&soak->watch);
}

static void run_until(Soak *soak, int64_t end)
{
    while (board_now() < end)
        turn(soak);
}

/* Has all clients leave, in peace. */
static void drain(Soak *soak)
{
    Board *board = soak->scene.board;
    int64_t end = board_now() + DRAIN_MAX;

    faults_end(&soak->faults);
    soak->scene.closed = true;
    atomic_store(&board->drain, true);
    while (scene_clients(&soak->scene) > 0) {
        turn(soak);
        if (board_now() > end) {
            board_fail(board, "%u clients do not leave", scene_clients(&soak->scene));
            while (scene_clients(&soak->scene) > 0) {
                scene_kill_client(&soak->scene);
                turn(soak);
            }
        }
    }
}

static void run_round(Soak *soak, int64_t length, uint32_t kinds)
{
    int64_t begin = board_now();

    atomic_store(&soak->scene.board->drain, false);
    soak->scene.closed = false;
    faults_set(&soak->faults, FAULT_BIT(FAULT_CLIENT));
    run_until(soak, begin + (int64_t)((double)length * CALM));
    faults_set(&soak->faults, kinds);
    run_until(soak, begin + length);
    drain(soak);
    watch_quiet(&soak->watch);
}

/* One in eight rounds is short of memory, and one in eight loses the bus: those are the ends of the
 * service's lives. A soak of few rounds has all in one. */
static void run_rounds(Soak *soak, double minutes)
{
    unsigned n = minutes < ROUNDS_FROM ? 1 : (unsigned)minutes;
    int64_t length = (int64_t)(minutes * 60 * SECOND) / n;

    for (unsigned i = 0; i < n; i++) {
        int64_t end = soak->begun + (i + 1) * length;
        uint32_t kinds = FAULTS_ALWAYS;

        if (n == 1 || i % 8 == 5)
            kinds |= FAULT_BIT(FAULT_MEMORY);
        if (n == 1 || i % 8 == 7)
            kinds |= FAULT_BIT(FAULT_BUS);
        if (end - board_now() < length / 4) /* it took its time to become quiet */
            continue;
        run_round(soak, end - board_now(), kinds);
    }
}

static void print_figures(Soak *soak)
{
    const Board *board = soak->scene.board;
    const Watch *watch = &soak->watch;

    printf("right only since a fault was about: Process %" PRIu64 ", no service %" PRIu64
           ", AccessDenied %" PRIu64 ", NoMemory %" PRIu64 ", other errors %" PRIu64
           ", no-reply %" PRIu64 ", no way %" PRIu64 "\n",
           board_sum(board, COUNT_MAYBE_PROCESS), board_sum(board, COUNT_MAYBE_GONE),
           board_sum(board, COUNT_MAYBE_DENIED), board_sum(board, COUNT_MAYBE_MEMORY),
           board_sum(board, COUNT_MAYBE_ERROR), board_sum(board, COUNT_MAYBE_LOST),
           board_sum(board, COUNT_MAYBE_NO_WAY));
    printf("%.1f minutes, seed %" PRIu32 ": %u clients, %" PRIu64 " calls (%" PRIu64
           " results, %" PRIu64 " errors, %" PRIu64 " by the bus, %" PRIu64
           " disconnected, %" PRIu64 " abandoned), %" PRIu64 " that wanted no answer; %" PRIu64
           " streams, %" PRIu64 " commands (%" PRIu64 " replies, %" PRIu64 " cut); %" PRIu64
           " runs of mtrpacketctl; ",
           (double)(board_now() - soak->begun) / 60e6, soak->seed, soak->scene.n_clients,
           board_sum(board, COUNT_CALLS), board_sum(board, COUNT_RESULTS),
           board_sum(board, COUNT_ERRORS), board_sum(board, COUNT_GONE),
           board_sum(board, COUNT_DISCONNECT), board_sum(board, COUNT_ABANDONED),
           board_sum(board, COUNT_NO_REPLY), board_sum(board, COUNT_STREAMS),
           board_sum(board, COUNT_COMMANDS), board_sum(board, COUNT_REPLIES),
           board_sum(board, COUNT_CUT), board_sum(board, COUNT_PROGRAMS));
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        if (soak->faults.counts[kind] > 0)
            printf("%s %u, ", fault_name(kind), soak->faults.counts[kind]);
    printf(
        "%u mtr-packets killed, %u ends for want of memory (%u allocations, %u forks, %u threads "
        "refused); "
        "%" PRIu64 " unanswered, %" PRIu64 " answered twice, %" PRIu64 " false; memory %+.1f KiB "
        "a minute (%+.3f in 1000 calls), %+.1f KiB in use; descriptors %u to %u, processes %u "
        "to %u; %u failures\n",
        soak->faults.n_kills, soak->scene.n_exits, atomic_load(&soak->scene.faults->n_memory),
        atomic_load(&soak->scene.faults->n_fork), atomic_load(&soak->scene.faults->n_thread),
        board_sum(board, COUNT_UNANSWERED), board_sum(board, COUNT_TWICE) + board->n_twice,
        board_sum(board, COUNT_FALSE), watch->slope_max, watch->slope_calls, watch->growth_max,
        watch->fds_begin, watch->fds_end, watch->processes_begin, watch->processes_end,
        atomic_load(&board->n_failures));
}

/* Every call has one end. */
static void check_sums(Soak *soak)
{
    Board *board = soak->scene.board;
    uint64_t calls = board_sum(board, COUNT_CALLS), commands = board_sum(board, COUNT_COMMANDS);
    uint64_t ends = board_sum(board, COUNT_RESULTS) + board_sum(board, COUNT_ERRORS) +
                    board_sum(board, COUNT_GONE) + board_sum(board, COUNT_DISCONNECT) +
                    board_sum(board, COUNT_ABANDONED) + board_sum(board, COUNT_UNANSWERED);
    uint64_t replies = board_sum(board, COUNT_REPLIES) + board_sum(board, COUNT_CUT);

    /* One that is killed may be about to count one. */
    if (llabs((long long)(calls - ends)) > soak->faults.counts[FAULT_CLIENT] ||
        llabs((long long)(commands - replies)) > soak->faults.counts[FAULT_CLIENT])
        board_fail(board, "%" PRIu64 " calls have %" PRIu64 " ends, %" PRIu64 " commands %" PRIu64,
                   calls, ends, commands, replies);
    if (atomic_load(&board->n_tallied) == 0)
        board_fail(board, "nothing was tallied");
}

static int run(int argc, char *argv[])
{
    bool with_memory = !g_getenv("TEST_SANITIZED");
    const char *seed = g_getenv("SOAK_SEED");
    double minutes = argc > 1 ? g_ascii_strtod(argv[1], NULL) : 30;
    Soak soak = {.seed = seed ? (uint32_t)g_ascii_strtoull(seed, NULL, 10) : g_random_int()};
    unsigned n_failures;

    if (!(minutes > 0 && minutes < 24 * 60))
        g_error("a number of minutes is expected");
    alarm((unsigned)(minutes * 60) + 300);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("SOAK_SEED=%" PRIu32 "\n", soak.seed);
    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", CALL_BUS_ADDRESS, TRUE);

    scene_start(&soak.scene, soak.seed);
    faults_init(&soak.faults, &soak.scene, soak.seed ^ 0x5eed, with_memory);
    watch_init(&soak.watch, &soak.scene, with_memory, minutes >= ROUNDS_FROM);
    soak.begun = board_now();
    run_rounds(&soak, minutes);
    watch_end(&soak.watch);
    scene_stop(&soak.scene);
    faults_deinit(&soak.faults);
    check_sums(&soak);
    print_figures(&soak);
    n_failures = atomic_load(&soak.scene.board->n_failures);
    return n_failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    const char *const trees[] = {g_getenv("TEST_TREE"), NULL};

    if (argc == 5 && strcmp(argv[1], "client") == 0)
        return client_main(argv + 2);
    if (argc == 2 && strcmp(argv[1], "tally") == 0)
        return tally_main();
    return sandbox_run(argc, argv, trees, run);
}
