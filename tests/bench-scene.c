/* SPDX-License-Identifier: MIT */

#include "bench-scene.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Users who may probe by the example rule, and its group. */
#define GROUP "netprobe"
#define GROUP_ID 4400

const BusLoadCall bench_probe = {.name = SERVICE_NAME,
                                 .path = SERVICE_PATH,
                                 .interface = SERVICE_INTERFACE,
                                 .method = "Probe",
                                 .host = "127.0.0.1"};
const BusLoadCall bench_hole_probe = {.name = SERVICE_NAME,
                                      .path = SERVICE_PATH,
                                      .interface = SERVICE_INTERFACE,
                                      .method = "Probe",
                                      .host = "192.0.2.2",
                                      .timeout = 60};
const BusLoadCall bench_empty = {.name = "org.mtrpacket.Empty",
                                 .path = "/empty",
                                 .interface = "org.mtrpacket.Empty",
                                 .method = "Empty"};

static void add_users(void)
{
    static const char policy[] =
        "<busconfig>\n"
        "  <policy user=\"root\"><allow own=\"org.mtrpacket.Empty\"/></policy>\n"
        "  <policy context=\"default\"><allow send_destination=\"org.mtrpacket.Empty\"/></policy>\n"
        "</busconfig>\n";
    FILE *group = fopen("/etc/group", "a");

    fixture_add_user("bench-busy", BENCH_BUSY_UID);
    fixture_add_user("bench-other", BENCH_OTHER_UID);
    g_assert_nonnull(group);
    fprintf(group, GROUP ":x:%u:bench-busy,bench-other\n", GROUP_ID);
    g_assert_cmpint(fclose(group), ==, 0);
    g_assert_true(g_file_set_contents("/usr/share/dbus-1/system.d/empty.conf", policy, -1, NULL));
}

static void on_appeared(GDBusConnection *connection, const char *name, const char *owner,
                        void *userdata)
{
    *(bool *)userdata = true;
}

static void start_empty(BenchScene *scene)
{
    const char *const argv[] = {g_getenv("TEST_EMPTY_SERVICE"), NULL};
    bool there = false;
    unsigned watch;

    watch = g_bus_watch_name_on_connection(scene->polkit.fixture.root, bench_empty.name,
                                           G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, NULL, &there,
                                           NULL);
    scene->empty_pid = fixture_spawn(argv);
    wait_until(&there);
    g_bus_unwatch_name(watch);
}

void bench_scene_start(BenchScene *scene, BusKind kind)
{
    g_autofree char *rules =
        g_build_filename(g_getenv("TEST_EXAMPLES"), "50-mtrpacketd-group.rules", NULL);

    add_users();
    dig_black_hole();
    polkit_start_bus_of(&scene->polkit, kind, NULL);
    polkit_start_daemon(&scene->polkit);
    polkit_install_rules(&scene->polkit, rules);
    polkit_start_service(&scene->polkit, BENCH_STAYS);
    start_empty(scene);
}

void bench_scene_stop(BenchScene *scene)
{
    g_assert_cmpint(kill(scene->empty_pid, SIGTERM), ==, 0);
    g_assert_cmpint(waitpid(scene->empty_pid, NULL, 0), ==, scene->empty_pid);
    polkit_stop(&scene->polkit);
}

void bench_scene_restart(BenchScene *scene, const char *option)
{
    g_assert_cmpint(fixture_end_service(&scene->polkit.fixture, SIGTERM), ==, 0);
    polkit_start_service(&scene->polkit, option);
}
