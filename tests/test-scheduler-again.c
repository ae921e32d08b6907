/* SPDX-License-Identifier: MIT */

/* Probes that are to be sent again, and wait for that until their process has done what it was
 * given before: whatever happens meanwhile, each has one end. */

#include <signal.h>

#include "pace.h"
#include "workbench.h"

/* Two bursts: the first is sent again, and the second waits. */
#define N (2 * PACE_BURST_DEFAULT)

typedef struct Scene {
    Workbench *bench;
    pid_t pid;
    Asked asked[N];
} Scene;

static bool all_done(const Scene *scene)
{
    for (unsigned i = 0; i < N; i++)
        if (!scene->asked[i].done)
            return false;
    return true;
}

static void wait_all(Scene *scene)
{
    while (!all_done(scene))
        g_assert_cmpint(sd_event_run(scene->bench->event, UINT64_MAX), >=, 0);
}

/* All have an answer that may be misread, and for half of them there is no room yet. */
static void scene_start(Scene *scene, uint64_t timeout_usec)
{
    PacketCommand command = probe_command(PROBE_TCP, 0, FAKE_KEEP_AND_STALL);

    scene->bench = workbench_new();
    scene->pid = inspect(scene->bench, 1, PROBE_TCP, 0).pid;
    command.options.timeout_usec = timeout_usec;
    for (unsigned i = 0; i < N; i++)
        submit(scene->bench, &scene->asked[i], 1, &command);
    while (scheduler_in_flight(scene->bench->scheduler) < N)
        g_assert_cmpint(sd_event_run(scene->bench->event, UINT64_MAX), >=, 0);

    release(scene->pid);
    while (scene->bench->statistics.probes_sent < 1 + N + PACE_BURST_DEFAULT && !all_done(scene))
        g_assert_cmpint(sd_event_run(scene->bench->event, UINT64_MAX), >=, 0);
}

static void scene_drop(Scene *scene)
{
    for (unsigned i = 0; i < N; i++)
        scene->asked[i].job = scheduler_drop(scene->asked[i].job);
}

/* They are sent when there is room. */
static void test_sent(void)
{
    Scene scene;

    scene_start(&scene, 60000000);
    while (scene.bench->statistics.probes_sent < 1 + 2 * N)
        g_assert_cmpint(sd_event_run(scene.bench->event, UINT64_MAX), >=, 0);
    g_assert_cmpuint(scheduler_in_flight(scene.bench->scheduler), ==, N);

    /* And again, as often as it is done at all: then the answer holds. */
    while (!all_done(&scene)) {
        release(scene.pid);
        g_assert_cmpint(sd_event_run(scene.bench->event, UINT64_MAX), >=, 0);
    }
    for (unsigned i = 0; i < N; i++)
        g_assert_cmpstr(scene.asked[i].word, ==, "no-route");
    g_assert_cmpuint(scene.bench->statistics.probes_sent, ==, 1 + 4 * N);
    g_assert_cmpuint(scene.bench->statistics.other_results, ==, 1 + N);
    workbench_free(scene.bench);
}

/* The process is lost: they fail with it. */
static void test_lost(void)
{
    Scene scene;

    scene_start(&scene, 60000000);
    g_assert_cmpint(kill(scene.pid, SIGKILL), ==, 0);
    wait_all(&scene);
    g_assert_cmpuint(scene.bench->statistics.processes_lost, ==, 1);
    for (unsigned i = 0; i < N; i++)
        g_assert_cmpint(scene.asked[i].outcome, ==, OUTCOME_PROCESS);
    g_assert_cmpuint(scheduler_in_flight(scene.bench->scheduler), ==, 0);
    g_assert_cmpint(inspect(scene.bench, 1, PROBE_TCP, 0).pid, !=, scene.pid);
    workbench_free(scene.bench);
}

/* Nobody wants to know any more: they are not sent. */
static void test_dropped(void)
{
    Scene scene;

    scene_start(&scene, 60000000);
    scene_drop(&scene);
    while (scheduler_in_flight(scene.bench->scheduler) > PACE_BURST_DEFAULT)
        g_assert_cmpint(sd_event_run(scene.bench->event, UINT64_MAX), >=, 0);
    g_assert_cmpuint(scene.bench->statistics.probes_sent, ==, 1 + N + PACE_BURST_DEFAULT);
    workbench_free(scene.bench);
}

/* Everything ends. */
static void test_ended(void)
{
    Scene scene;

    scene_start(&scene, 60000000);
    scene_drop(&scene);
    workbench_free(scene.bench);
}

/* Their time passes, which is counted from when they were first sent; the fake is silent for longer
 * than that. Those that wait have an answer, which holds, and leave. (Where the machine is so slow
 * that it passes before they were answered at all, this is missed.) */
static void test_timed_out(void)
{
    unsigned n_no_reply = 0;
    Scene scene;

    scene_start(&scene, 200000);
    wait_all(&scene);
    for (unsigned i = 0; i < N; i++) {
        if (g_str_equal(scene.asked[i].word, "no-reply"))
            n_no_reply++;
        else
            g_assert_cmpstr(scene.asked[i].word, ==, "no-route");
    }
    g_assert_cmpuint(scene.bench->statistics.no_reply, ==, n_no_reply);
    if (scene.bench->statistics.probes_sent == 1 + N + PACE_BURST_DEFAULT) {
        g_assert_cmpuint(n_no_reply, ==, PACE_BURST_DEFAULT);
        g_assert_cmpuint(scheduler_in_flight(scene.bench->scheduler), ==, PACE_BURST_DEFAULT);
    }
    g_assert_cmpuint(inspect(scene.bench, 1, PROBE_TCP, 0).pid, ==, scene.pid);
    g_assert_cmpuint(scene.bench->statistics.probes_sent, <=, 2 + N + PACE_BURST_DEFAULT);
    workbench_free(scene.bench);
}

static void add_tests(void)
{
    g_test_add_func("/scheduler-again/sent", test_sent);
    g_test_add_func("/scheduler-again/lost", test_lost);
    g_test_add_func("/scheduler-again/dropped", test_dropped);
    g_test_add_func("/scheduler-again/ended", test_ended);
    g_test_add_func("/scheduler-again/timed-out", test_timed_out);
}

int main(int argc, char *argv[])
{
    return workbench_main(argc, argv, add_tests);
}
