/* SPDX-License-Identifier: MIT */

/*
 * mtr-packets that are killed, or stand still, with as many probes in them as one user may have
 * there and more that wait: who is told, who goes on, and who notices nothing.
 */

#include <signal.h>

#include "crowd.h"
#include "fixture.h"

/* As many as one user may have in flight in a process, and how many more wait for a place there. */
#define SHARE 500
#define WAITING 250

/* The two processes, in the order in which they are started here. */
enum { ICMP, TCP, N_PROCESSES };

static const char *const protocols[] = {[ICMP] = "icmp", [TCP] = "tcp"};
static const char *const holes[] = {[ICMP] = "192.0.2.2", [TCP] = "2001:db8::2"};

/* A service with both its processes, and probes in them that nobody answers. */
typedef struct Scene {
    Fixture fixture;
    Tally tally;
    GPid pids[N_PROCESSES];
    Crowd in_flight[N_PROCESSES], waiting[N_PROCESSES];
    unsigned n_calls;
} Scene;

static void probe_works(Scene *scene, unsigned process)
{
    g_autofree char *options = g_strdup_printf("{'protocol': <'%s'>}", protocols[process]);
    Answer answer;

    probe_wait(&answer, scene->fixture.root, "127.0.0.1", options);
    assert_result(&answer, "reply");
    answer_clear(&answer);
    scene->n_calls++;
}

/* N probes with this timeout into the black hole. */
static void hole_probes(Scene *scene, Crowd *crowd, unsigned n, unsigned process, unsigned timeout)
{
    g_autofree char *options =
        g_strdup_printf("{'protocol': <'%s'>, 'timeout': <%u>}", protocols[process], timeout);

    crowd_start(crowd, n, holes[process], options);
    scene->n_calls += n;
}

static void scene_start(Scene *scene)
{
    GPid children[N_PROCESSES];

    *scene = (Scene){0};
    dig_black_hole();
    fixture_start(&scene->fixture, NULL);
    tally_start(&scene->tally);

    probe_works(scene, ICMP);
    scene->pids[ICMP] = process_child(scene->fixture.service_pid);
    probe_works(scene, TCP);
    g_assert_cmpuint(process_children(scene->fixture.service_pid, children, N_PROCESSES), ==,
                     N_PROCESSES);
    g_assert_cmpint(children[0], ==, scene->pids[ICMP]);
    scene->pids[TCP] = children[1];
}

/* Those that wait: there is no place for them in either process. */
static void scene_fill(Scene *scene)
{
    for (unsigned i = 0; i < N_PROCESSES; i++)
        hole_probes(scene, &scene->waiting[i], WAITING, i, 60);
    fixture_wait_probes(&scene->fixture, N_PROCESSES * SHARE, N_PROCESSES * WAITING);
}

/*
 * After all that was in flight in LOST has failed: what waited for it is in flight in a new
 * process, and nobody else has noticed anything.
 */
static void scene_check(Scene *scene, unsigned lost)
{
    unsigned other = ICMP + TCP - lost;
    GPid children[N_PROCESSES + 1];

    fixture_wait_probes(&scene->fixture, SHARE + WAITING, WAITING);
    g_assert_cmpuint(crowd_answered(&scene->in_flight[other]), ==, 0);
    for (unsigned i = 0; i < N_PROCESSES; i++)
        g_assert_cmpuint(crowd_answered(&scene->waiting[i]), ==, 0);
    probe_works(scene, lost);

    g_assert_cmpuint(fixture_processes(&scene->fixture), ==, 4);
    g_assert_cmpuint(process_children(scene->fixture.service_pid, children, G_N_ELEMENTS(children)),
                     ==, N_PROCESSES);
    g_assert_cmpint(children[0], ==, scene->pids[other]);
    g_assert_cmpint(children[1], !=, scene->pids[lost]);
}

static void crowd_cancelled(Crowd *crowd)
{
    crowd_wait(crowd);
    for (unsigned i = 0; i < crowd->n; i++)
        assert_error(&crowd->answers[i], ERROR_CANCELLED, "stopped");
    crowd_end(crowd);
}

/* Ends the service, and with it whatever was not LOST. */
static void scene_end(Scene *scene, unsigned lost)
{
    g_assert_cmpint(fixture_end_service(&scene->fixture, SIGTERM), ==, 0);
    crowd_cancelled(&scene->in_flight[ICMP + TCP - lost]);
    for (unsigned i = 0; i < N_PROCESSES; i++)
        crowd_cancelled(&scene->waiting[i]);
    tally_end(&scene->tally, &scene->fixture, scene->n_calls);
    fixture_stop(&scene->fixture);
    fill_black_hole();
}

/* A process that is killed: those in flight there hear of it, and of the signal. */
static void test_killed(const void *argument)
{
    unsigned lost = GPOINTER_TO_UINT(argument);
    Crowd *crowd;
    Scene scene;

    scene_start(&scene);
    for (unsigned i = 0; i < N_PROCESSES; i++)
        hole_probes(&scene, &scene.in_flight[i], SHARE, i, 60);
    fixture_wait_probes(&scene.fixture, N_PROCESSES * SHARE, 0);
    scene_fill(&scene);

    g_assert_cmpint(kill(scene.pids[lost], SIGKILL), ==, 0);
    crowd = &scene.in_flight[lost];
    crowd_wait(crowd);
    for (unsigned i = 0; i < crowd->n; i++)
        assert_error(&crowd->answers[i], ERROR_PROCESS, "was killed by signal 9 (Killed)");
    crowd_end(crowd);

    scene_check(&scene, lost);
    scene_end(&scene, lost);
}

/* In seconds: the timeout of some, and how long after it the stopped process must be found out at
 * the latest: two, and more than any machine needs. */
#define SHORT 5
#define LATE 22

/* A process that is stopped: timeouts are kept, and then the others in flight there hear that it
 * hangs. */
static void test_stopped(const void *argument)
{
    unsigned lost = GPOINTER_TO_UINT(argument), other = ICMP + TCP - lost;
    Crowd *patient, impatient;
    gint64 stopped;
    Scene scene;

    scene_start(&scene);
    patient = &scene.in_flight[lost];
    hole_probes(&scene, patient, SHARE / 2, lost, 60);
    hole_probes(&scene, &scene.in_flight[other], SHARE, other, 60);
    hole_probes(&scene, &impatient, SHARE - SHARE / 2, lost, SHORT);
    fixture_wait_probes(&scene.fixture, N_PROCESSES * SHARE, 0);
    g_assert_cmpint(kill(scene.pids[lost], SIGSTOP), ==, 0);
    stopped = g_get_monotonic_time();
    scene_fill(&scene);

    crowd_wait(&impatient);
    g_assert_cmpuint(crowd_answered(patient), ==, 0);
    for (unsigned i = 0; i < impatient.n; i++) {
        const Answer *answer = &impatient.answers[i];

        assert_result(answer, "no-reply");
        g_assert_cmpint(answer->answered - answer->called, >=, SHORT * G_USEC_PER_SEC);
    }
    crowd_end(&impatient);

    crowd_wait(patient);
    for (unsigned i = 0; i < patient->n; i++) {
        const Answer *answer = &patient->answers[i];

        assert_error(answer, ERROR_PROCESS, "hangs");
        g_assert_cmpint(answer->answered - stopped, <=, (SHORT + LATE) * G_USEC_PER_SEC);
    }
    crowd_end(patient);

    scene_check(&scene, lost);
    scene_end(&scene, lost);
}

/* One that is stopped with a burst in it: that hears of it, and what waited behind it goes to the
 * next. */
static void test_stopped_in_burst(void)
{
    unsigned n_lost = 0;
    Fixture fixture;
    Answer answer;
    Crowd crowd;

    fixture_start(&fixture, NULL);
    probe_wait(&answer, fixture.root, "127.0.0.1", NULL);
    answer_clear(&answer);
    g_assert_cmpint(kill(process_child(fixture.service_pid), SIGSTOP), ==, 0);

    crowd_start(&crowd, 20, "127.0.0.1", "{'timeout': <60>}");
    crowd_wait(&crowd);
    for (unsigned i = 0; i < crowd.n; i++) {
        if (crowd.answers[i].error) {
            assert_error(&crowd.answers[i], ERROR_PROCESS,
                         "hangs: it did not answer a question within 5 s");
            n_lost++;
        } else {
            assert_result(&crowd.answers[i], "reply");
        }
    }
    g_assert_cmpuint(n_lost, ==, 5);
    crowd_end(&crowd);
    fixture_stop(&fixture);
}

static void add_tests(void)
{
    g_test_add_data_func("/supervision/killed/icmp", GUINT_TO_POINTER(ICMP), test_killed);
    g_test_add_data_func("/supervision/killed/tcp", GUINT_TO_POINTER(TCP), test_killed);
    g_test_add_data_func("/supervision/stopped/icmp", GUINT_TO_POINTER(ICMP), test_stopped);
    g_test_add_data_func("/supervision/stopped/tcp", GUINT_TO_POINTER(TCP), test_stopped);
    g_test_add_func("/supervision/stopped/burst", test_stopped_in_burst);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
