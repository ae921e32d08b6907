/* SPDX-License-Identifier: MIT */

#include "soak-faults.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "network.h"

#define SECOND 1000000LL

/*
 * Volleys
 *
 * A process that is lost sooner than 5 s after its start makes the pause before the next one
 * longer (restart.h), and one that has lived longer ends the pauses. So what is killed is killed
 * some times within a second, while the pauses are short, and then left alone until there are none
 * any more. A few volleys are longer, so that there are long pauses too.
 */

#define VOLLEY_PERIOD (7 * SECOND)
#define VOLLEY_LENGTH SECOND
#define VOLLEY_LONG (4 * SECOND)

/* What was in flight is lost then, and who wants another is told of a pause. */
#define VOLLEY_MARGIN SECOND

static int64_t between(Faults *faults, double least, double most)
{
    return (int64_t)(g_rand_double_range(faults->rand, least, most) * SECOND);
}

static bool was_shot(const Faults *faults, GPid pid)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(faults->shot); i++)
        if (faults->shot[i] == pid)
            return true;
    return false;
}

static void shoot_all(Faults *faults)
{
    GPid pids[32];
    unsigned n = scene_packets(faults->scene, pids, G_N_ELEMENTS(pids));

    for (unsigned i = 0; i < n; i++) {
        if (was_shot(faults, pids[i]) || kill(pids[i], SIGKILL) < 0)
            continue;
        faults->n_kills++;
        faults->shot[faults->n_shot++ % G_N_ELEMENTS(faults->shot)] = pids[i];
    }
}

/* After a long one the pauses are 5 s. */
static void end_volley(Faults *faults, int64_t length)
{
    faults->volley = false;
    board_end(faults->scene->board, faults->volley_number, VOLLEY_MARGIN);
    faults->volley_next =
        board_now() + VOLLEY_PERIOD - VOLLEY_LENGTH + (length > VOLLEY_LENGTH ? 5 * SECOND : 0);
}

static void turn_volley(Faults *faults)
{
    int64_t now = board_now(), length = faults->volley_end - faults->volley_next;

    if (!faults->volley && (faults->kinds & FAULT_BIT(FAULT_KILL)) && now >= faults->volley_next) {
        length = g_rand_double(faults->rand) < 0.1 ? VOLLEY_LONG : VOLLEY_LENGTH;
        faults->volley = true;
        faults->volley_number = board_begin(faults->scene->board, FAULT_KILL);
        faults->volley_next = now;
        faults->volley_end = now + length;
        faults->counts[FAULT_KILL]++;
    }
    if (!faults->volley)
        return;
    if (now < faults->volley_end && (faults->kinds & FAULT_BIT(FAULT_KILL)))
        shoot_all(faults);
    else
        end_volley(faults, length);
}

/*
 * The network
 */

static void run(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    if (fixture_command((const char *const *)argv, NULL, NULL) != 0)
        g_error("%s: failed", line);
}

static void begin_route(Faults *faults, Episode *episode)
{
    run("ip -4 route del default");
    run("ip -6 route del default");
}

static void end_route(Faults *faults, Episode *episode)
{
    run("ip -4 route add default via " NETWORK_ROUTER1_4 " src " NETWORK_HOST_4);
    run("ip -6 route add default via " NETWORK_ROUTER1_6 " src " NETWORK_HOST_6);
}

static void reject(const char *what, Episode *episode)
{
    static const char *const kinds[] = {"unreachable", "prohibit", "blackhole"};
    g_autofree char *line_4 =
        g_strdup_printf("ip -4 route %s %s " NETWORK_TARGET_4, what, kinds[episode->choice % 3]);
    g_autofree char *line_6 =
        g_strdup_printf("ip -6 route %s %s " NETWORK_TARGET_6, what, kinds[episode->choice % 3]);

    run(line_4);
    run(line_6);
}

static void begin_reject(Faults *faults, Episode *episode)
{
    episode->choice = g_rand_int(faults->rand);
    reject("add", episode);
}

static void end_reject(Faults *faults, Episode *episode)
{
    reject("del", episode);
}

/* The link's end at router2: with it go router2's IPv6 address there, and the routes. */
static void begin_link(Faults *faults, Episode *episode)
{
    network_run("router2", "ip link set router1 down");
}

static void end_link(Faults *faults, Episode *episode)
{
    network_run("router2", "ip link set router1 up");
    network_run("router2", "ip addr replace 2001:db8:2::2/64 dev router1 nodad");
    network_run("router2", "ip -4 route replace default via 198.51.100.1");
    network_run("router2", "ip -6 route replace default via 2001:db8:2::1");
    /* A neighbour that was sought in vain is not sought again for a while. */
    network_run("router1", "ip neigh flush dev router2");
    network_run("router2", "ip neigh flush dev router1");
}

static void begin_loss(Faults *faults, Episode *episode)
{
    run("nft add table inet soak");
    run("nft add chain inet soak in { type filter hook input priority 0 ; }");
    run("nft add rule inet soak in iifname != lo numgen random mod 3 == 0 drop");
}

static void end_loss(Faults *faults, Episode *episode)
{
    run("nft delete table inet soak");
}

/*
 * Processes
 */

static void begin_stop(Faults *faults, Episode *episode)
{
    GPid pids[32];
    unsigned n = scene_packets(faults->scene, pids, G_N_ELEMENTS(pids));

    episode->pid = n > 0 ? pids[g_rand_int_range(faults->rand, 0, (int)n)] : 0;
    if (episode->pid > 0)
        kill(episode->pid, SIGSTOP);
}

/* It may be another's by now, but no other's than a child of the service, or nobody's: numbers are
 * given out in turn. */
static void end_stop(Faults *faults, Episode *episode)
{
    if (episode->pid > 0)
        kill(episode->pid, SIGCONT);
}

static void begin_client(Faults *faults, Episode *episode)
{
    scene_kill_client(faults->scene);
}

static void begin_polkit_gone(Faults *faults, Episode *episode)
{
    polkit_end_daemon(&faults->scene->polkit, SIGKILL);
}

static void end_polkit_gone(Faults *faults, Episode *episode)
{
    polkit_start_daemon(&faults->scene->polkit);
}

static void begin_polkit_stop(Faults *faults, Episode *episode)
{
    kill(faults->scene->polkit.pid, SIGSTOP);
}

static void end_polkit_stop(Faults *faults, Episode *episode)
{
    kill(faults->scene->polkit.pid, SIGCONT);
}

/*
 * The service
 */

/* Whatever was measured is of no use: all mtr-packets with probes in them are replaced. */
static void begin_clock(Faults *faults, Episode *episode)
{
    g_assert_cmpint(write(faults->scene->clock_steps, "", 1), ==, 1);
}

/* Whatever it has is killed: else it would want to make nothing. */
static void begin_fork(Faults *faults, Episode *episode)
{
    PreloadFaults *preload = faults->scene->faults;

    atomic_store(&preload->fork_ppm, PRELOAD_FAULTS_ALWAYS / 2);
    atomic_store(&preload->thread_ppm, PRELOAD_FAULTS_ALWAYS / 2);
    shoot_all(faults);
}

static void end_fork(Faults *faults, Episode *episode)
{
    atomic_store(&faults->scene->faults->fork_ppm, 0);
    atomic_store(&faults->scene->faults->thread_ppm, 0);
}

/* From one allocation in ten thousand to one in fifty. */
static void begin_memory(Faults *faults, Episode *episode)
{
    static const uint32_t ppm[] = {100, 500, 2000, 20000};

    atomic_store(&faults->scene->faults->memory_ppm,
                 ppm[g_rand_int_range(faults->rand, 0, G_N_ELEMENTS(ppm))]);
}

static void end_memory(Faults *faults, Episode *episode)
{
    atomic_store(&faults->scene->faults->memory_ppm, 0);
}

/* It lasts no time: the bus is another one when this returns. */
static void begin_bus(Faults *faults, Episode *episode)
{
    scene_renew_bus(faults->scene);
}

/*
 * Episodes
 */

static const struct {
    FaultKind kind;
    double pause_min, pause_max;   /* seconds between two */
    double length_min, length_max; /* and how long one lasts */
    int64_t margin;                /* until its traces are gone */
    void (*begin)(Faults *, Episode *);
    void (*end)(Faults *, Episode *);
    FaultKind not_with; /* not while this one lasts */
} kinds[] = {
    /* What mtr-packet had to answer or send is done with the second: it gives up in whole ones. */
    {FAULT_STOP, 1, 6, 0.05, 1.5, 2 * SECOND, begin_stop, end_stop, FAULT_KINDS},
    /* Longer than 5 s: it counts as hung. */
    {FAULT_STOP, 15, 40, 5.5, 8, 2 * SECOND, begin_stop, end_stop, FAULT_KINDS},
    {FAULT_RUSH, 10, 25, 1, 3, 3 * SECOND, begin_stop, end_stop, FAULT_KINDS},
    {FAULT_CLIENT, 0.3, 2, 0, 0, 0, begin_client, NULL, FAULT_KINDS},
    /* It reads its rules when it is back. */
    {FAULT_POLKIT_GONE, 8, 20, 0.1, 3, SECOND, begin_polkit_gone, end_polkit_gone,
     FAULT_POLKIT_STOP},
    {FAULT_POLKIT_STOP, 10, 25, 0.2, 4, SECOND, begin_polkit_stop, end_polkit_stop,
     FAULT_POLKIT_GONE},
    /* The service keeps for a second what the kernel has said of a route. */
    {FAULT_ROUTE, 8, 20, 0.3, 3, 2 * SECOND, begin_route, end_route, FAULT_LINK},
    {FAULT_REJECT, 8, 20, 0.3, 3, 2 * SECOND, begin_reject, end_reject, FAULT_LINK},
    /* Neighbours seek each other, TCP sends again after a second, two, four. */
    {FAULT_LINK, 15, 30, 0.3, 3, 4 * SECOND, begin_link, end_link, FAULT_ROUTE},
    {FAULT_LOSS, 10, 25, 0.5, 3, SECOND, begin_loss, end_loss, FAULT_KINDS},
    {FAULT_CLOCK, 5, 15, 0, 0, SECOND, begin_clock, NULL, FAULT_KINDS},
    {FAULT_FORK, 12, 30, 0.2, 1.5, SECOND, begin_fork, end_fork, FAULT_KINDS},
    /* A start of mtr-packet in vain, or one that has no end. */
    {FAULT_MEMORY, 2, 8, 0.2, 2, 2 * SECOND, begin_memory, end_memory, FAULT_KINDS},
    {FAULT_BUS, 6, 30, 0, 0, 0, begin_bus, NULL, FAULT_KINDS},
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) <= EPISODES_MAX);

static bool is_active(const Faults *faults, FaultKind kind)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (kinds[i].kind == kind && faults->episodes[i].active)
            return true;
    return false;
}

static void begin(Faults *faults, unsigned i)
{
    Episode *episode = &faults->episodes[i];

    faults->counts[kinds[i].kind]++;
    if (kinds[i].kind != FAULT_BUS) /* which says it itself */
        episode->number = board_begin(faults->scene->board, kinds[i].kind);
    episode->active = true;
    kinds[i].begin(faults, episode);
    episode->next = board_now() + between(faults, kinds[i].length_min, kinds[i].length_max + 0.001);
}

static void end(Faults *faults, unsigned i)
{
    Episode *episode = &faults->episodes[i];

    if (kinds[i].end)
        kinds[i].end(faults, episode);
    if (kinds[i].kind != FAULT_BUS)
        board_end(faults->scene->board, episode->number, kinds[i].margin);
    episode->active = false;
    episode->next = board_now() + between(faults, kinds[i].pause_min, kinds[i].pause_max);
}

/* A bus is not killed while polkit is away or starts: who waits for it would wait for ever. */
static bool may_begin(const Faults *faults, unsigned i)
{
    FaultKind kind = kinds[i].kind;

    if (!(faults->kinds & FAULT_BIT(kind)) || is_active(faults, kinds[i].not_with))
        return false;
    return kind != FAULT_BUS ||
           (!is_active(faults, FAULT_POLKIT_GONE) && !is_active(faults, FAULT_POLKIT_STOP) &&
            !is_active(faults, FAULT_MEMORY));
}

void faults_init(Faults *faults, Scene *scene, uint32_t seed, bool with_memory)
{
    *faults = (Faults){.scene = scene, .with_memory = with_memory};
    faults->rand = g_rand_new_with_seed(seed);
}

void faults_deinit(Faults *faults)
{
    g_rand_free(faults->rand);
}

void faults_set(Faults *faults, uint32_t set)
{
    int64_t now = board_now();

    if (!faults->with_memory)
        set &= ~FAULT_BIT(FAULT_MEMORY);
    faults->kinds = set;
    faults->volley_next = now + SECOND;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (!faults->episodes[i].active)
            faults->episodes[i].next = now + between(faults, 0.5, kinds[i].pause_max / 2);
}

void faults_turn(Faults *faults)
{
    turn_volley(faults);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (board_now() < faults->episodes[i].next)
            continue;
        if (faults->episodes[i].active)
            end(faults, i);
        else if (may_begin(faults, i))
            begin(faults, i);
    }
}

void faults_end(Faults *faults)
{
    faults->kinds = 0;
    turn_volley(faults);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (faults->episodes[i].active)
            end(faults, i);
}
