/* SPDX-License-Identifier: MIT */

/*
 * Steps of the clock. mtr-packet measures and expires by the time of day: what was in flight at a
 * step is lost, and says so; no time and no silence that a step made up is passed on. The service
 * hears of steps from the kernel, and sees them in what mtr-packet says; here each is tried alone,
 * and both together.
 *
 * The machine's own clock is never set: one object is preloaded into mtr-packet and shifts its
 * clock, and another into the service, where it gives the news (preload.h).
 */

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crowd.h"
#include "fixture.h"
#include "late-host.h"
#include "preload.h"

/* Of each protocol: as many as one user may have in flight, some of which will be answered after
 * the step, and some more that wait. */
#define LATE 20
#define SILENT 480
#define WAITING 50

static const char *const protocols[] = {"icmp", "tcp"};

#define N_PROTOCOLS G_N_ELEMENTS(protocols)

typedef struct Scene {
    Fixture fixture;
    Tally tally;
    unsigned n_calls;
    int64_t *offset_usec; /* of mtr-packet's clock */
    int steps;            /* a byte in here tells the service of a step */
} Scene;

/* What the machine has instead of a clock that can be set. */
static void make_clock(Scene *scene)
{
    int fd = open(PRELOAD_CLOCK_OFFSET, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, sizeof(*scene->offset_usec)), ==, 0);
    scene->offset_usec =
        mmap(NULL, sizeof(*scene->offset_usec), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(scene->offset_usec != MAP_FAILED);
    close(fd);

    unlink(PRELOAD_CLOCK_STEPS);
    g_assert_cmpint(mkfifo(PRELOAD_CLOCK_STEPS, 0600), ==, 0);
    g_assert_cmpint(chmod(PRELOAD_CLOCK_STEPS, 0666), ==, 0); /* whatever the umask */
    scene->steps = open(PRELOAD_CLOCK_STEPS, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    g_assert_cmpint(scene->steps, >=, 0);
}

/* An mtr-packet with a clock that can be set. It is a copy, because nothing is preloaded into a
 * file that has capabilities. */
static const char *shifted_packet(void)
{
    static const char path[] = "/run/programs/shifted-packet";
    const char *preload = fixture_program("TEST_PRELOAD_CLOCK", "preload-clock.so");
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\nexec env LD_PRELOAD=%s /run/programs/mtr-packet\n", preload);
    const char *const sh[] = {"sh", "-c", "cp \"$(command -v mtr-packet)\" /run/programs/", NULL};

    if (access(path, F_OK) == 0)
        return path;
    g_assert_cmpint(fixture_command(sh, NULL, NULL), ==, 0);
    g_assert_true(g_file_set_contents_full(path, script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    return path;
}

static void scene_start(Scene *scene)
{
    g_autofree char *packet_command = g_strdup_printf("--packet-command=%s", shifted_packet());

    *scene = (Scene){0};
    make_clock(scene);
    dig_black_hole();
    fixture_bus(&scene->fixture);
    fixture_launch_preloaded(&scene->fixture,
                             fixture_program("TEST_PRELOAD_TIMERFD", "preload-timerfd.so"),
                             packet_command);
    tally_start(&scene->tally);
}

static void scene_end(Scene *scene)
{
    tally_end(&scene->tally, &scene->fixture, scene->n_calls);
    fixture_stop(&scene->fixture);
    fill_black_hole();
    munmap(scene->offset_usec, sizeof(*scene->offset_usec));
    close(scene->steps);
}

static void probes(Scene *scene, Crowd *crowd, unsigned n, unsigned protocol, const char *host)
{
    g_autofree char *options =
        g_strdup_printf("{'protocol': <'%s'>, 'timeout': <60>}", protocols[protocol]);

    crowd_start(crowd, n, host, options);
    scene->n_calls += n;
}

static void set_clock(Scene *scene, int seconds)
{
    __atomic_store_n(scene->offset_usec, seconds * (int64_t)1000000, __ATOMIC_SEQ_CST);
}

static void tell_step(Scene *scene)
{
    g_assert_cmpint(write(scene->steps, "", 1), ==, 1);
}

/* A right answer: the target's, and a time that can be. */
static void assert_right(const Answer *answer)
{
    double time_ms;

    assert_result(answer, "reply");
    g_variant_get_child(answer->value, 2, "d", &time_ms);
    g_assert_cmpfloat(time_ms, >=, 0);
    g_assert_cmpfloat(time_ms, <=, (double)(answer->answered - answer->called) / 1000);
}

/* A right answer, or none because of the clock. Returns whether it is an answer. */
static bool assert_right_or_lost(const Answer *answer)
{
    if (answer->error)
        assert_error(answer, ERROR_PROCESS, "clock");
    else
        assert_right(answer);
    return !answer->error;
}

/* Probes once. Returns whether there was an answer. */
static bool try_probe(Scene *scene, unsigned protocol)
{
    bool answered;
    Crowd one;

    probes(scene, &one, 1, protocol, "127.0.0.1");
    crowd_wait(&one);
    answered = assert_right_or_lost(&one.answers[0]);
    crowd_end(&one);
    return answered;
}

static void assert_works(Scene *scene)
{
    for (unsigned i = 0; i < N_PROTOCOLS; i++)
        g_assert_true(try_probe(scene, i));
    g_assert_cmpuint(fixture_processes(&scene->fixture), ==, 4);
}

/* Waits for a crowd that was in flight at the step. */
static void assert_lost(Crowd *crowd, const char *part)
{
    crowd_wait(crowd);
    for (unsigned i = 0; i < crowd->n; i++)
        assert_error(&crowd->answers[i], ERROR_PROCESS, part);
    crowd_end(crowd);
}

/* A step, and how the service can know: from mtr-packet's answers, from the kernel before or after
 * they come, or only from it. */
typedef struct Step {
    const char *path;
    int seconds; /* of mtr-packet's clock */
    enum { NO_NEWS, NEWS_FIRST, NEWS_LAST } news;
} Step;

static const Step steps[] = {
    {"/clock/answers/hour-forwards", 3600, NO_NEWS},
    {"/clock/answers/hour-backwards", -3600, NO_NEWS},
    {"/clock/answers/seconds-forwards", 5, NO_NEWS},
    /* Less, and an answer that took longer would show a time that could be right. */
    {"/clock/answers/minute-backwards", -60, NO_NEWS},
    {"/clock/news/once", 0, NEWS_FIRST},
    {"/clock/both/hour-forwards", 3600, NEWS_FIRST},
    {"/clock/both/hour-backwards", -3600, NEWS_FIRST},
    {"/clock/both/seconds-forwards", 5, NEWS_LAST},
    {"/clock/both/seconds-backwards", -5, NEWS_FIRST},
    {"/clock/both/minute-backwards", -60, NEWS_LAST},
};

/* What is in flight at a step is lost and says why; what waits is sent afterwards and gets right
 * answers. */
static void test_step(const void *argument)
{
    const Step *step = argument;
    Crowd late[N_PROTOCOLS], silent[N_PROTOCOLS], waiting[N_PROTOCOLS];
    /* Where there is more than the news to know it from, either may be what is told. */
    const char *part = step->seconds == 0 ? "clock was set" : "clock";
    LateHost host;
    Scene scene;

    scene_start(&scene);
    late_host_start(&host);
    for (unsigned i = 0; i < N_PROTOCOLS; i++) {
        probes(&scene, &late[i], LATE, i, LATE_HOST);
        probes(&scene, &silent[i], SILENT, i, "192.0.2.2");
    }
    late_host_wait(&host, N_PROTOCOLS * LATE);
    fixture_wait_probes(&scene.fixture, N_PROTOCOLS * (LATE + SILENT), 0);
    for (unsigned i = 0; i < N_PROTOCOLS; i++)
        probes(&scene, &waiting[i], WAITING, i, "127.0.0.1");
    fixture_wait_probes(&scene.fixture, N_PROTOCOLS * (LATE + SILENT), N_PROTOCOLS * WAITING);

    set_clock(&scene, step->seconds);
    if (step->news == NEWS_FIRST)
        tell_step(&scene);
    if (step->seconds != 0)
        late_host_answer(&host);
    if (step->news == NEWS_LAST)
        tell_step(&scene);

    for (unsigned i = 0; i < N_PROTOCOLS; i++) {
        assert_lost(&late[i], part);
        assert_lost(&silent[i], part);
    }
    for (unsigned i = 0; i < N_PROTOCOLS; i++) {
        crowd_wait(&waiting[i]);
        for (unsigned j = 0; j < WAITING; j++) {
            bool answered = assert_right_or_lost(&waiting[i].answers[j]);

            /* What comes late may meet them in flight already. */
            g_assert_true(answered || step->news == NEWS_LAST);
        }
        crowd_end(&waiting[i]);
    }
    assert_works(&scene);

    late_host_stop(&host);
    scene_end(&scene);
}

/* However often the clock is set, the next probe has an mtr-packet at once: it is not one that
 * keeps dying. */
static void test_often(void)
{
    Scene scene;

    scene_start(&scene);
    for (unsigned round = 0; round < 10; round++) {
        Crowd silent[N_PROTOCOLS];

        for (unsigned i = 0; i < N_PROTOCOLS; i++)
            probes(&scene, &silent[i], 10, i, "192.0.2.2");
        fixture_wait_probes(&scene.fixture, N_PROTOCOLS * 10, 0);
        tell_step(&scene);
        for (unsigned i = 0; i < N_PROTOCOLS; i++)
            assert_lost(&silent[i], "clock was set");
        assert_works(&scene);
    }
    scene_end(&scene);
}

/* The processes of marks are no exception. */
static void test_marks(void)
{
    Crowd silent;
    Scene scene;

    scene_start(&scene);
    crowd_start(&silent, 10, "192.0.2.2", "{'protocol': <'udp'>, 'mark': <7>, 'timeout': <60>}");
    scene.n_calls += 10;
    fixture_wait_probes(&scene.fixture, 10, 0);
    tell_step(&scene);
    assert_lost(&silent, "clock was set");
    scene_end(&scene);
}

/* A step forwards makes mtr-packet give up what it has in flight, all at once: that is no silence
 * of the network's. */
static void test_early(void)
{
    Crowd silent[N_PROTOCOLS], loud[N_PROTOCOLS];
    Scene scene;

    scene_start(&scene);
    for (unsigned i = 0; i < N_PROTOCOLS; i++)
        probes(&scene, &silent[i], LATE + SILENT - 1, i, "192.0.2.2");
    fixture_wait_probes(&scene.fixture, N_PROTOCOLS * (LATE + SILENT - 1), 0);
    set_clock(&scene, 3600);

    /* A command, or an answer, is when it looks at its clock. */
    for (unsigned i = 0; i < N_PROTOCOLS; i++)
        probes(&scene, &loud[i], 1, i, "127.0.0.1");
    for (unsigned i = 0; i < N_PROTOCOLS; i++) {
        assert_lost(&silent[i], "clock");
        crowd_wait(&loud[i]);
        (void)assert_right_or_lost(&loud[i].answers[0]);
        crowd_end(&loud[i]);
    }
    assert_works(&scene);
    scene_end(&scene);
}

/* One step after the other while answers come and go: each is right, or an error that says why
 * there is none. */
static void test_traffic(const void *argument)
{
    static const int seconds[] = {3600, 0, -3600, 5, -60};
    const bool news = argument != NULL;
    /* An mtr-packet that is distrusted again and again is started after pauses, longer each time.
     */
    const unsigned n_rounds = news ? 40 : G_N_ELEMENTS(seconds);
    Scene scene;

    scene_start(&scene);
    for (unsigned round = 0; round < n_rounds; round++) {
        Crowd crowds[N_PROTOCOLS];

        for (unsigned i = 0; i < N_PROTOCOLS; i++)
            probes(&scene, &crowds[i], 100, i, "127.0.0.1");
        /* in the midst of them, and not always at the same place */
        while (crowd_answered(&crowds[0]) < 100 * round / n_rounds)
            g_main_context_iteration(NULL, TRUE);
        set_clock(&scene, seconds[round % G_N_ELEMENTS(seconds)]);
        if (news)
            tell_step(&scene);

        for (unsigned i = 0; i < N_PROTOCOLS; i++) {
            crowd_wait(&crowds[i]);
            for (unsigned j = 0; j < crowds[i].n; j++)
                (void)assert_right_or_lost(&crowds[i].answers[j]);
            crowd_end(&crowds[i]);
            while (!try_probe(&scene, i))
                ;
        }
    }
    assert_works(&scene);
    scene_end(&scene);
}

/* Without anything preloaded: there is a timer that the kernel cancels when the clock is set, and
 * that does not expire before. */
static void test_armed(void)
{
    g_autofree char *path = NULL;
    unsigned n_timers = 0;
    Fixture fixture;
    GDir *dir;

    fixture_start(&fixture, NULL);
    path = g_strdup_printf("/proc/%d/fdinfo", fixture.service_pid);
    dir = g_dir_open(path, 0, NULL);
    g_assert_nonnull(dir);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *info = NULL;
        const char *remaining;
        gint64 seconds;

        g_assert_true(g_file_get_contents(file, &info, NULL, NULL));
        if (!strstr(info, "clockid: 0\n")) /* CLOCK_REALTIME */
            continue;

        n_timers++;
        g_assert_nonnull(strstr(info, "settime flags: 03\n")); /* absolute, cancelled by a step */
        remaining = strstr(info, "it_value: (");
        g_assert_nonnull(remaining);
        seconds = g_ascii_strtoll(remaining + strlen("it_value: ("), NULL, 10);
        g_assert_cmpint(seconds, >, 365 * 24 * 3600);
    }
    g_dir_close(dir);
    g_assert_cmpuint(n_timers, ==, 1);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_func("/clock/armed", test_armed);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        g_test_add_data_func(steps[i].path, &steps[i], test_step);
    g_test_add_func("/clock/news/often", test_often);
    g_test_add_func("/clock/news/marks", test_marks);
    g_test_add_func("/clock/answers/early", test_early);
    g_test_add_data_func("/clock/answers/traffic", NULL, test_traffic);
    g_test_add_data_func("/clock/both/traffic", "news", test_traffic);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
