/* SPDX-License-Identifier: MIT */

#include "soak-scene.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network.h"
#include "preload.h"
#include "soak-ask.h"

#define SERVICE_USER "mtrpacketd"

/* How long what was under way when the service or the bus ended may still be, in microseconds. */
#define GONE_MARGIN (2 * 1000000LL)

static const char rules[] = "if (subject.user == 'soak-denied') return NO;\n"
                            "if (probe) return YES;\n"
                            "return subject.user.indexOf('marks') >= 0 ? YES : NO;\n";

/*
 * The place
 */

static void add_lines(const char *path, const char *lines)
{
    FILE *file = fopen(path, "a");

    g_assert_nonnull(file);
    g_assert_cmpint(fputs(lines, file), >=, 0);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void run(const char *node, const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    if (node)
        network_run(node, line);
    else if (fixture_command((const char *const *)argv, NULL, NULL) != 0)
        g_error("%s: failed", line);
}

static void set_up_network(void)
{
    network_up();
    /* A connection that has ended keeps its port for a minute: there would be none left. */
    network_sysctl("ipv4/tcp_max_tw_buckets", "500");
    run("router2", "ip route add unreachable 198.51.100.70");
    run("router2", "ip route add unreachable 2001:db8:3::7");
    run(NULL, "ip route add unreachable 203.0.113.1");
    run(NULL, "ip route add unreachable 2001:db8:a::1");
    run(NULL, "ip route add prohibit 203.0.113.2");
    run(NULL, "ip route add prohibit 2001:db8:a::2");
    add_lines("/etc/hosts", NETWORK_TARGET_4 " " ASK_NAME "\n" NETWORK_TARGET_6 " " ASK_NAME "\n");
}

static PreloadFaults *map_faults(uint32_t seed)
{
    int fd = open(PRELOAD_FAULTS, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    PreloadFaults *faults;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fchmod(fd, 0666), ==, 0);
    g_assert_cmpint(ftruncate(fd, sizeof(PreloadFaults)), ==, 0);
    faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(faults != MAP_FAILED);
    close(fd);
    atomic_store(&faults->seed, seed);
    return faults;
}

static int open_clock_steps(void)
{
    int fd;

    g_assert_cmpint(mkfifo(PRELOAD_CLOCK_STEPS, 0666), ==, 0);
    g_assert_cmpint(chmod(PRELOAD_CLOCK_STEPS, 0666), ==, 0);
    fd = open(PRELOAD_CLOCK_STEPS, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/*
 * The service
 */

static void start_service(Scene *scene)
{
    const char *sanitizer = g_getenv("ASAN_OPTIONS");
    g_autofree char *asan_options =
        g_strdup_printf("ASAN_OPTIONS=%s:verify_asan_link_order=0", sanitizer ? sanitizer : "");
    g_autofree char *ld_preload = g_strdup_printf(
        "LD_PRELOAD=%s:%s", fixture_program("TEST_PRELOAD_FAULTS", "preload-faults.so"),
        fixture_program("TEST_PRELOAD_TIMERFD", "preload-timerfd.so"));
    const char *const argv[] = {"env",
                                asan_options,
                                ld_preload,
                                fixture_program("TEST_MTRPACKETD", "mtrpacketd"),
                                "--idle-timeout=0",
                                "--log-level=err",
                                NULL};

    atomic_store(&scene->faults->memory_ppm, 0);
    atomic_store(&scene->faults->fork_ppm, 0);
    atomic_store(&scene->faults->thread_ppm, 0);
    atomic_fetch_add(&scene->faults->seed, 2);
    fixture_launch_as(&scene->polkit.fixture, getpwnam(SERVICE_USER)->pw_uid, argv);
    scene->life++;
    scene->born = board_now();
    if (scene->life == 1) /* later ones are called from their first moment on */
        scene->n_descriptors = process_descriptors(scene->polkit.fixture.service_pid);
    /* The bus, polkit, who tallies, and the service. */
    scene->n_processes = 4 + (scene->kind == BUS_BROKER);
}

/* The service may end by itself only for want of memory; its unit starts it again at the next
 * call. */
static void look_at_service(Scene *scene)
{
    GPid pid = scene->polkit.fixture.service_pid;
    unsigned fault;
    int status;

    if (pid == 0 || waitpid(pid, &status, WNOHANG) != pid)
        return;
    fault = board_begin(scene->board, FAULT_SERVICE_GONE);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE &&
        (board_faults(scene->board, board_now()) & FAULT_BIT(FAULT_MEMORY)))
        scene->n_exits++;
    else
        board_fail(scene->board, "the service has ended, with wait status %#x", (unsigned)status);
    scene->polkit.fixture.service_pid = 0;
    start_service(scene);
    board_end(scene->board, fault, GONE_MARGIN);
}

/* The state of a process and its name, as in /proc/PID/stat; false if there is none. */
static bool read_stat(GPid pid, char *ret_state, char ret_name[static 64])
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *stat = NULL;

    return g_file_get_contents(path, &stat, NULL, NULL) &&
           sscanf(stat, "%*d (%63[^)]) %c", ret_name, ret_state) == 2;
}

unsigned scene_children(Scene *scene)
{
    GPid pid = scene->polkit.fixture.service_pid;
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *contents = NULL;
    unsigned n = 0;

    if (!g_file_get_contents(path, &contents, NULL, NULL))
        return 0;
    for (char *c = contents; *c; c++)
        n += *c == ' ';
    return n;
}

unsigned scene_packets(Scene *scene, GPid *ret, unsigned max)
{
    GPid pid = scene->polkit.fixture.service_pid;
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *contents = NULL;
    g_auto(GStrv) words = NULL;
    unsigned n = 0;

    if (pid == 0 || !g_file_get_contents(path, &contents, NULL, NULL))
        return 0;
    words = g_strsplit(contents, " ", -1);
    for (char **word = words; *word && n < max; word++) {
        GPid child = (GPid)g_ascii_strtoll(*word, NULL, 10);
        char name[64], state;

        if (child > 0 && read_stat(child, &state, name) && state != 'Z' && state != 'X' &&
            strcmp(name, "mtr-packet") == 0)
            ret[n++] = child;
    }
    return n;
}

/*
 * Clients
 */

/* Which user each tenth client is: an index into soak_users. */
static const unsigned users[] = {0, 1, 1, 2, 2, 3, 3, 4, 0, 5};

static GPid spawn_self(Scene *scene, const char *what, const char *a, const char *b, const char *c)
{
    const char *const argv[] = {scene->program, what, a, b, c, NULL};

    return fixture_spawn(argv);
}

static void start_client(Scene *scene, unsigned slot)
{
    g_autofree char *slot_text = g_strdup_printf("%u", slot);
    g_autofree char *user = g_strdup_printf("%u", users[slot % G_N_ELEMENTS(users)]);
    g_autofree char *seed = g_strdup_printf("%u", g_rand_int(scene->rand));

    scene->clients[slot] = spawn_self(scene, "client", slot_text, user, seed);
    scene->n_clients++;
}

static void count(Scene *scene, unsigned slot, Counter counter, _Atomic uint32_t *outstanding)
{
    atomic_fetch_add(&scene->board->clients[slot].counts[counter], atomic_exchange(outstanding, 0));
}

/* What it waited for when it ended nobody waits for any more; one that has left counts that
 * itself. */
static void note_client_end(Scene *scene, unsigned slot, int status)
{
    BoardClient *client = &scene->board->clients[slot];

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        count(scene, slot, COUNT_ABANDONED, &client->outstanding);
        count(scene, slot, COUNT_CUT, &client->outstanding_commands);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
        count(scene, slot, COUNT_DISCONNECT, &client->outstanding);
        count(scene, slot, COUNT_CUT, &client->outstanding_commands);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        board_fail(scene->board, "client %u has ended with wait status %#x", slot,
                   (unsigned)status);
    }
    atomic_store(&client->outstanding, 0);
    atomic_store(&client->outstanding_commands, 0);
}

static void look_at_clients(Scene *scene)
{
    unsigned n_started = 0;
    int status;

    for (unsigned i = 0; i < BOARD_CLIENTS; i++) {
        if (scene->clients[i] != 0 &&
            waitpid(scene->clients[i], &status, WNOHANG) == scene->clients[i]) {
            scene->clients[i] = 0;
            note_client_end(scene, i, status);
        }
        if (scene->clients[i] == 0 && !scene->closed && n_started++ < 5)
            start_client(scene, i);
    }
}

unsigned scene_clients(const Scene *scene)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BOARD_CLIENTS; i++)
        n += scene->clients[i] != 0;
    return n;
}

void scene_kill_client(Scene *scene)
{
    unsigned slot = (unsigned)g_rand_int_range(scene->rand, 0, BOARD_CLIENTS);

    if (scene->clients[slot] != 0)
        kill(scene->clients[slot], SIGKILL);
}

/*
 * The whole
 */

static void start_bus(Scene *scene)
{
    polkit_start_bus_of(&scene->polkit, scene->kind, rules);
    polkit_start_daemon(&scene->polkit);
    scene->tally = spawn_self(scene, "tally", NULL, NULL, NULL);
    start_service(scene);
}

void scene_start(Scene *scene, uint32_t seed)
{
    *scene = (Scene){.board = board_create(), .closed = true};
    scene->kind = seed % 2 == 0 ? BUS_DAEMON : BUS_BROKER;
    scene->rand = g_rand_new_with_seed(seed);
    scene->program = g_file_read_link("/proc/self/exe", NULL);
    g_assert_nonnull(scene->program);
    for (unsigned i = 1; i < SOAK_USERS; i++)
        fixture_add_user(soak_users[i].name, soak_users[i].uid);
    /* polkit is there if it was started: else the bus would. */
    (void)unlink("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service");
    set_up_network();
    scene->faults = map_faults(seed);
    scene->clock_steps = open_clock_steps();
    (void)fixture_program("TEST_BRIDGE", "mtrpacket-bridge");
    (void)fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl");
    start_bus(scene);
}

/* Waits for a child that is to end by itself, ten seconds at most. */
static bool wait_end(GPid pid, int *ret_status)
{
    int64_t end = board_now() + 10 * 1000000LL;

    while (waitpid(pid, ret_status, WNOHANG) != pid) {
        if (board_now() > end)
            return false;
        g_usleep(1000);
    }
    return true;
}

static void end_tally(Scene *scene)
{
    int status;

    if (scene->tally == 0) /* which was a failure */
        return;
    if (!wait_end(scene->tally, &status) || status != 0)
        board_fail(scene->board, "who tallies has not ended with the bus");
    scene->tally = 0;
}

void scene_renew_bus(Scene *scene)
{
    Fixture *fixture = &scene->polkit.fixture;
    unsigned fault = board_begin(scene->board, FAULT_BUS);
    int status;

    fixture_kill_bus(fixture);
    if (!wait_end(fixture->service_pid, &status)) {
        board_fail(scene->board, "the service has not ended with the bus");
        fixture_end_service(fixture, SIGKILL);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_FAILURE) {
        board_fail(scene->board, "the service has lost the bus, and ended with wait status %#x",
                   (unsigned)status);
    }
    fixture->service_pid = 0;
    if (scene->polkit.pid != 0)
        polkit_end_daemon(&scene->polkit, SIGKILL);
    end_tally(scene);
    fixture_disconnect(fixture->root);

    scene->kind = scene->kind == BUS_DAEMON ? BUS_BROKER : BUS_DAEMON;
    start_bus(scene);
    board_end(scene->board, fault, GONE_MARGIN);
}

/* It ends only with a bus, for which scene_renew_bus() and scene_stop() wait: a bus drops who reads
 * too slowly, and what nobody counts would be taken for right. */
static void look_at_tally(Scene *scene)
{
    int status;

    if (scene->tally == 0 || waitpid(scene->tally, &status, WNOHANG) != scene->tally)
        return;
    board_fail(scene->board, "who tallies has ended, with wait status %#x", (unsigned)status);
    scene->tally = 0;
}

void scene_look(Scene *scene)
{
    look_at_service(scene);
    look_at_tally(scene);
    look_at_clients(scene);
    while (network_accept())
        ;
}

static gboolean on_time(void *userdata)
{
    while (network_accept())
        ;
    return G_SOURCE_CONTINUE;
}

void scene_iterate(void)
{
    static unsigned timer;

    if (timer == 0)
        timer = g_timeout_add(5, on_time, NULL); /* also where something else waits meanwhile */
    g_main_context_iteration(NULL, TRUE);
}

void scene_stop(Scene *scene)
{
    Fixture *fixture = &scene->polkit.fixture;
    int status = fixture_end_service(fixture, SIGTERM);

    if (status != 0)
        board_fail(scene->board, "the service was to stop, and has ended with wait status %#x",
                   (unsigned)status);
    polkit_end_daemon(&scene->polkit, SIGTERM);
    fixture_disconnect(fixture->root);
    fixture->root = NULL;
    bus_end(&fixture->bus, SIGTERM);
    end_tally(scene);
    network_down();
    g_rand_free(scene->rand);
    g_free(scene->program);
}
