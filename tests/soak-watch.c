/* SPDX-License-Identifier: MIT */

#include "soak-watch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define SECOND 1000000LL

/* What a service first takes memory for is there after this. */
#define WARM_UP (40 * SECOND)

/* A life with fewer quiet points has no slope that means anything. */
#define QUIET_MIN 4

/* Limits. A service that keeps 100 bytes of each probe is at 1000 KiB a minute and more; what there
 * is without a leak is some KiB of what is in use, and pages that the C library keeps between what
 * is in use, which reach a level within minutes. */
#define SLOPE_MAX 100 /* KiB a minute */
#define GROWTH_MAX 32 /* KiB, of what is in use when nobody calls */

/* Descriptors that the service has for one mtr-packet: three pipes' ends and that by which it sees
 * it end. */
#define FDS_PER_PACKET 4

/* How often a probe is sent again for an answer that may be misread, see worker.c. */
#define SENT_AGAIN_MAX 3

/* The mtr-packets that stay: for ICMP, and for all else. Those of marks end after 10 s. */
#define PACKETS_STANDING 2

/* How long it may take until the last probe of those that have left has ended, and what follows. */
#define SETTLE (25 * SECOND)

static double rss_kib(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", pid);
    g_autofree char *text = NULL;
    unsigned long pages = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL) || sscanf(text, "%*u %lu", &pages) != 1)
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* Of the line that fits best, by least squares, KiB a minute. */
static double slope(const Samples *samples)
{
    double n = samples->n, t = 0, y = 0, tt = 0, ty = 0;

    for (unsigned i = 0; i < samples->n; i++) {
        t += samples->minutes[i];
        y += samples->kib[i];
        tt += samples->minutes[i] * samples->minutes[i];
        ty += samples->minutes[i] * samples->kib[i];
    }
    return (n * ty - t * y) / (n * tt - t * t);
}

static void sample(Watch *watch, Samples *samples)
{
    double kib = rss_kib(watch->scene->polkit.fixture.service_pid);

    if (kib == 0 || samples->n == WATCH_SAMPLES)
        return;
    samples->minutes[samples->n] = (double)(board_now() - watch->scene->born) / 60e6;
    samples->kib[samples->n++] = kib;
}

/* Under load memory comes and goes with what is under way: what shows is what is left when nobody
 * calls. */
static void end_life(Watch *watch)
{
    uint64_t calls = board_sum(watch->scene->board, COUNT_CALLS) - watch->calls_at_birth;
    const Samples *quiet = &watch->quiet;
    double per_minute, length;

    if (quiet->n < QUIET_MIN)
        return;
    per_minute = slope(quiet);
    length = quiet->minutes[quiet->n - 1];
    printf("life %u of the service: %.1f minutes, %" G_GUINT64_FORMAT " calls; memory when nobody "
           "calls %.0f to %.0f KiB, %+.1f KiB a minute; under load %+.1f KiB a minute\n",
           watch->life, length, (guint64)calls, quiet->kib[0], quiet->kib[quiet->n - 1], per_minute,
           slope(&watch->load));
    if (watch->n_slopes++ == 0 || per_minute > watch->slope_max) {
        watch->slope_max = per_minute;
        watch->slope_calls = per_minute * length / (double)MAX(calls, 1) * 1000;
    }
    if (watch->with_memory && per_minute > SLOPE_MAX)
        board_fail(watch->scene->board, "the service's memory grows by %.1f KiB a minute",
                   per_minute);
}

static void begin_life(Watch *watch)
{
    watch->life = watch->scene->life;
    watch->quiet.n = watch->load.n = 0;
    watch->n_quiet = 0;
    watch->calls_at_birth = board_sum(watch->scene->board, COUNT_CALLS);
}

void watch_init(Watch *watch, Scene *scene, bool with_memory, bool thorough)
{
    *watch = (Watch){.scene = scene, .with_memory = with_memory, .thorough = thorough};
    watch->fds_begin = scene->n_descriptors;
    watch->processes_begin = scene->n_processes;
    begin_life(watch);
    watch->quiet_life = scene->life;
}

void watch_sample(Watch *watch)
{
    int64_t now = board_now();

    if (watch->life != watch->scene->life) {
        end_life(watch);
        begin_life(watch);
    }
    if (now < watch->next)
        return;
    watch->next = now + SECOND;
    sample(watch, &watch->load);
}

/*
 * Quiet points
 */

static GDBusConnection *root(Watch *watch)
{
    return watch->scene->polkit.fixture.root;
}

/* What the service is asked when nobody else calls. */
static bool is_settled(Watch *watch, char **ret_what)
{
    unsigned in_flight = get_number(root(watch), "ProbesInFlight");
    unsigned queued = get_number(root(watch), "ProbesQueued");
    GPid packets[32];
    unsigned n_packets = scene_packets(watch->scene, packets, G_N_ELEMENTS(packets));
    unsigned fds = process_descriptors(watch->scene->polkit.fixture.service_pid);
    unsigned processes = sandbox_processes();

    watch->fds_end = fds;
    watch->processes_end = processes;
    *ret_what = g_strdup_printf(
        "%u probes in flight, %u queued, %u descriptors (%u at the start) and %u processes (%u) "
        "with %u mtr-packets (%u children)",
        in_flight, queued, fds, watch->scene->n_descriptors, processes, watch->scene->n_processes,
        n_packets, scene_children(watch->scene));
    return in_flight == 0 && queued == 0 && (n_packets == PACKETS_STANDING || !watch->thorough) &&
           fds == watch->scene->n_descriptors + n_packets * FDS_PER_PACKET &&
           processes == watch->scene->n_processes + n_packets &&
           scene_children(watch->scene) == n_packets;
}

/* Has both mtr-packets there that stay: one may just have been killed. Those may be in a pause. */
static void start_packets(Watch *watch)
{
    static const char *const options[] = {"{'protocol': <'icmp'>}", "{'protocol': <'udp'>}"};
    int64_t end = board_now() + SETTLE;
    Answer answer;

    for (size_t i = 0; i < G_N_ELEMENTS(options);) {
        probe_wait(&answer, root(watch), "127.0.0.1", options[i]);
        i += answer.error == NULL;
        if (answer.error && board_now() > end)
            board_fail(watch->scene->board, "when nobody calls, a probe is %s: %s", answer.error,
                       answer.message);
        if (answer.error && board_now() > end)
            i++;
        answer_clear(&answer);
    }
}

static void settle(Watch *watch)
{
    int64_t end = board_now() + SETTLE;
    g_autofree char *what = NULL;

    start_packets(watch);

    while (!is_settled(watch, &what)) {
        if (board_now() > end) {
            board_fail(watch->scene->board, "when nobody calls, there are %s", what);
            return;
        }
        g_free(what);
        for (unsigned i = 0; i < 20; i++)
            scene_iterate();
        scene_look(watch->scene);
    }
    printf("quiet: %s\n", what);
}

/* What the service's C library has given out, in bytes; free memory goes back to the kernel. */
static uint64_t in_use(Watch *watch)
{
    PreloadFaults *faults = watch->scene->faults;
    uint32_t asked = atomic_fetch_add(&faults->asked, 1) + 1;
    int64_t end = board_now() + SETTLE;

    while (atomic_load(&faults->told) != asked && board_now() < end)
        (void)get_number(root(watch), "ProbesInFlight");
    if (atomic_load(&faults->told) != asked)
        board_fail(watch->scene->board, "the service does not have preload-faults");
    return atomic_load(&faults->bytes_in_use);
}

static void check_memory(Watch *watch)
{
    uint64_t now;
    double growth;

    if (!watch->with_memory)
        return;
    now = in_use(watch);
    printf("quiet: %.1f KiB in use, %.0f KiB resident\n", (double)now / 1024,
           rss_kib(watch->scene->polkit.fixture.service_pid));
    /* Else those of marks are still there, or its tables have not the size that they come to. */
    if (!watch->thorough || board_now() < watch->scene->born + WARM_UP)
        return;
    sample(watch, &watch->quiet);
    if (watch->n_quiet == 0) {
        watch->in_use_first = now;
        watch->n_quiet++;
        return;
    }
    growth = ((double)now - (double)watch->in_use_first) / 1024;
    if (growth > watch->growth_max)
        watch->growth_max = growth;
    if (growth > GROWTH_MAX)
        board_fail(watch->scene->board,
                   "the service has %.1f KiB more in use than when nobody called before", growth);
}

/*
 * Statistics
 */

static guint64 number(GVariant *statistics, const char *name)
{
    guint64 value;

    if (!g_variant_lookup(statistics, name, "t", &value))
        g_error("there is no %s", name);
    return value;
}

/* Clients have been told no more than the service says that there was. */
static void check_told(Watch *watch, GVariant *statistics)
{
    static const struct {
        const char *name;
        Counter counter;
    } rows[] = {
        {"replies", COUNT_SENT_OK},
        {"ttl_expired", COUNT_EXPIRED},
        {"no_reply", COUNT_LOST},
        {"errors_Process", COUNT_E_PROCESS},
        {"errors_NoMemory", COUNT_E_MEMORY},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t told = board_sum(watch->scene->board, rows[i].counter);

        if (told - watch->counts[rows[i].counter] > number(statistics, rows[i].name))
            board_fail(watch->scene->board,
                       "%s: %" G_GUINT64_FORMAT ", but clients were told of %" G_GUINT64_FORMAT,
                       rows[i].name, number(statistics, rows[i].name),
                       (guint64)(told - watch->counts[rows[i].counter]));
    }
}

static void check_statistics(Watch *watch)
{
    g_autoptr(GVariant) statistics = get_property(root(watch), "Statistics");
    guint64 ended = number(statistics, "replies") + number(statistics, "ttl_expired") +
                    number(statistics, "no_reply") + number(statistics, "other_results");
    guint64 again = SENT_AGAIN_MAX * number(statistics, "other_results");
    guint64 sent = number(statistics, "probes_sent"), lost = number(statistics, "processes_lost");

    /* What was sent has ended, but for what was lost with a process, at most all its places, and
     * what was sent again: one in a hundred whose answer was misread, and each that ended without a
     * route, since that may be misread, too. */
    if (ended > sent || sent - ended > lost * 1000 + again + sent / 50 + 10)
        board_fail(watch->scene->board,
                   "%" G_GUINT64_FORMAT " probes were sent, and %" G_GUINT64_FORMAT
                   " have ended, with %" G_GUINT64_FORMAT " processes lost",
                   sent, ended, lost);
    if (watch->quiet_life == watch->scene->life)
        check_told(watch, statistics);
}

void watch_quiet(Watch *watch)
{
    settle(watch);
    check_memory(watch);
    check_statistics(watch);
    /* Counted from where a life began at a quiet point; in another, it is not known who was told
     * what in which. */
    if (watch->quiet_life != watch->scene->life)
        watch->quiet_life = 0;
}

void watch_end(Watch *watch)
{
    end_life(watch);
}
