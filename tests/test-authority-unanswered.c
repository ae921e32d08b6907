/* SPDX-License-Identifier: MIT */

/* Prompts that nobody answers: they hold up nobody else, and disappear when nobody waits for them.
 */

#include <signal.h>
#include <sys/wait.h>

#include "prompt-scene.h"

#define HOPS 30

/* Connections of one user, each with a prompt: more than there are places for them (see
 * authority.h); and how many prompts one user has at a time. */
#define CROWD 70
#define PROMPTS 4

#define NEIGHBOUR_UID 4404

/* A prompt that nobody waits for any more disappears, and asks for nobody in line either. */
static void test_caller_leaves(void)
{
    Answer answers[HOPS], answer;
    PolkitTraffic traffic;
    unsigned n_questions;
    PromptScene scene;

    prompt_scene_start(&scene,
                       "if (action.lookup('host') === undefined) return YES; return AUTH_SELF;",
                       NULL, AGENT_WAIT);
    polkit_traffic_start(&traffic, &scene.polkit.fixture);

    /* by Close: the caller is still there, so polkit would leave the prompt up */
    call_start(&answer, scene.user, "Open", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    for (int i = 0; i < 2; i++)
        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&scene.agent, 1, 0);
    call_start(&answer, scene.user, "Close", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    for (int i = 0; i < 2; i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_CANCELLED, "closed");
        answer_clear(&answers[i]);
    }
    agent_wait(&scene.agent, 1, 1);

    /* by leaving the bus, with more in line */
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    agent_wait(&scene.agent, 2, 1);
    n_questions = 3 + HOPS + 1;
    prompt_scene_wait(&scene, n_questions);
    fixture_disconnect(scene.user);
    scene.user = NULL;
    agent_wait(&scene.agent, 2, 2);
    for (int i = 0; i < HOPS; i++) {
        call_wait(&answers[i]); /* the library says that the connection is closed */
        answer_clear(&answers[i]);
    }
    fixture_wait_probes(&scene.polkit.fixture, 0, 0);
    g_assert_cmpuint(get_statistic(scene.polkit.fixture.root, "authorisation_questions"), ==,
                     n_questions);
    monitor_catch_up(&traffic.monitor, &scene.polkit.fixture);
    g_assert_cmpint(g_atomic_int_get(&traffic.n_cancels), ==, 2);

    polkit_traffic_end(&traffic);
    prompt_scene_end(&scene);
}

/* Nobody waits for a user who does not answer, and who is in line need not wait as long again. */
static void test_timeout(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
    Answer answers[G_N_ELEMENTS(hosts)];
    PromptScene scene;
    unsigned n;

    prompt_scene_start(&scene, "return AUTH_SELF;", "--prompt-timeout=1", AGENT_WAIT);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, hosts[i], NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_ACCESS_DENIED,
                     "user 4242 may not send probes: nobody has authenticated within 1 s (polkit "
                     "action " ACTION_PROBE ")");
    }
    g_assert_cmpint(answers[0].answered - answers[0].called, >=, G_USEC_PER_SEC);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        answer_clear(&answers[i]);

    /* However many there were, they have gone. Whoever comes later has one of its own. */
    polkit_catch_up(&scene.polkit);
    n = scene.agent.n_prompts;
    g_assert_cmpuint(n, >, 0);
    agent_wait(&scene.agent, n, n);
    g_assert_cmpuint(scene.agent.n_open_max, ==, 1);
    scene.agent.manner = AGENT_YES;
    assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_cmpuint(scene.agent.n_prompts, ==, n + 1);
    prompt_scene_end(&scene);
}

/* A service that is stopped leaves no prompt up. */
static void test_service_stops(void)
{
    Answer answers[HOPS];
    PromptScene scene;

    prompt_scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i % 3 + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    agent_wait(&scene.agent, 1, 0);
    fixture_wait_probes(&scene.polkit.fixture, 0, HOPS);
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGTERM), ==, 0);
    for (int i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_CANCELLED, "stopped");
        answer_clear(&answers[i]);
    }
    agent_wait(&scene.agent, 1, 1);
    prompt_scene_end(&scene);
}

/* Told to stop when the bus has gone, as at the end of a machine, with many in line for a prompt.
 */
static void test_bus_lost(void)
{
    Answer answers[HOPS];
    int status;
    PromptScene scene;

    prompt_scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    agent_wait(&scene.agent, 1, 0);
    fixture_wait_probes(&scene.polkit.fixture, 0, HOPS);
    prompt_scene_wait(&scene, HOPS + 1);

    g_assert_cmpint(kill(scene.polkit.fixture.service_pid, SIGSTOP), ==, 0);
    g_assert_cmpint(waitpid(scene.polkit.fixture.service_pid, &status, WUNTRACED), ==,
                    scene.polkit.fixture.service_pid);
    fixture_kill_bus(&scene.polkit.fixture);
    g_assert_cmpint(kill(scene.polkit.fixture.service_pid, SIGTERM), ==, 0);
    g_assert_cmpint(kill(scene.polkit.fixture.service_pid, SIGCONT), ==, 0);
    status = fixture_wait_service(&scene.polkit.fixture);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), <=, 1); /* not a sanitizer's */

    for (int i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        g_assert_nonnull(answers[i].message);
        answer_clear(&answers[i]);
    }
    prompt_scene_end(&scene);
}

/* However many prompts a user leaves unanswered, over however many connections: others are allowed
 * what they may, and asked what they must be, at once. */
static void test_fairness(void)
{
    GDBusConnection *crowd[CROWD], *other;
    Answer answers[CROWD], answer;
    UserProcess process;
    Agent agent;
    PromptScene scene;

    fixture_add_user("mtrpacketd-neighbour", NEIGHBOUR_UID);
    prompt_scene_start(&scene,
                       "if (action.lookup('host') == '127.0.0.9') return YES; return AUTH_SELF;",
                       "--answer-timeout=60", AGENT_WAIT);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = user_process_connect(&scene.process);
        probe_start(&answers[i], crowd[i], CALL_INTERACTIVE, "127.0.0.1", NULL);
    }
    fixture_wait_probes(&scene.polkit.fixture, 0, CROWD);
    /* So many have a place. What the others have to ask waits: nobody sees a prompt for it. */
    agent_wait(&scene.agent, PROMPTS, 0);
    /* and the user's own programs that need no prompt do not wait for it */
    assert_granted(crowd[CROWD - 1], CALL_QUIET, "127.0.0.9", NULL);

    process = (UserProcess){0};
    user_process_start(&process, NEIGHBOUR_UID);
    other = user_process_connect(&process);
    agent_start(&agent, &scene.polkit.fixture, process.pid, NEIGHBOUR_UID, AGENT_YES);
    assert_granted(other, CALL_QUIET, "127.0.0.9", NULL);
    assert_granted(other, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_cmpuint(agent.n_prompts, ==, 1);
    assert_granted(scene.polkit.fixture.root, CALL_QUIET, "127.0.0.1", NULL);

    /* With those that are answered, the others have their turn. */
    scene.agent.manner = AGENT_NO;
    while (scene.agent.open->len > 0)
        agent_answer(&scene.agent, AGENT_NO);
    for (unsigned i = 0; i < CROWD; i++) {
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_ACCESS_DENIED, "polkit says no");
        answer_clear(&answers[i]);
        fixture_disconnect(crowd[i]);
    }
    g_assert_cmpuint(scene.agent.n_prompts, ==, CROWD);

    /* All places are free again. */
    scene.agent.manner = AGENT_YES;
    probe_start(&answer, scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    call_wait(&answer);
    assert_result(&answer, "reply");
    answer_clear(&answer);

    agent_end(&agent);
    fixture_disconnect(other);
    user_process_end(&process);
    prompt_scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/authority/unanswered/caller-leaves", test_caller_leaves);
    g_test_add_func("/authority/unanswered/timeout", test_timeout);
    g_test_add_func("/authority/unanswered/service-stops", test_service_stops);
    g_test_add_func("/authority/unanswered/bus-lost", test_bus_lost);
    g_test_add_func("/authority/unanswered/fairness", test_fairness);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
