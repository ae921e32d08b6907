/* SPDX-License-Identifier: MIT */

/* Users who are asked to authenticate: how often, and what comes of it. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "polkit.h"
#include "user-process.h"

#define HOPS 30

/* More connections than there are places for questions to polkit (see authority.h). */
#define CROWD 70

#define NEIGHBOUR_UID 4404

/* A user who may be asked, and one of its connections. */
typedef struct Scene {
    Polkit polkit;
    UserProcess process;
    GDBusConnection *user;
    Agent agent;
} Scene;

static void scene_start(Scene *scene, const char *rules, const char *option, AgentManner manner)
{
    polkit_start(&scene->polkit, rules, option);
    user_process_start(&scene->process, FIXTURE_OTHER_UID);
    scene->user = user_process_connect(&scene->process);
    agent_start(&scene->agent, &scene->polkit.fixture, scene->process.pid, FIXTURE_OTHER_UID,
                manner);
}

static void scene_end(Scene *scene)
{
    agent_end(&scene->agent);
    if (scene->user)
        fixture_disconnect(scene->user);
    user_process_end(&scene->process);
    polkit_stop(&scene->polkit);
}

/* What the prompt says, and what each answer to it comes to. */
static void test_answers(void)
{
    g_autofree char *pid = NULL;
    Scene scene;

    scene_start(&scene, NULL, NULL, AGENT_NO);

    assert_refused(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "user 4242 may not send probes: polkit says no (polkit action " ACTION_PROBE
                   ")");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    g_assert_cmpstr(scene.agent.action, ==, ACTION_PROBE);
    g_assert_cmpstr(scene.agent.message, ==, "Authentication is required to send network probes");
    pid = g_strdup_printf("%d", scene.process.pid);
    g_assert_cmpstr(g_hash_table_lookup(scene.agent.details, "polkit.subject-pid"), ==, pid);

    scene.agent.manner = AGENT_DISMISS;
    assert_refused(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "user 4242 may not send probes: the authentication was dismissed (polkit "
                   "action " ACTION_PROBE ")");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 2);

    /* Nobody is asked who does not want to be. */
    assert_refused(scene.user, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION,
                   "the call does not allow to ask for it");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 2);

    scene.agent.manner = AGENT_YES;
    assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 3);

    /* For a mark there is a prompt of its own. */
    assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", "{'mark': <7>}");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 4);
    g_assert_cmpstr(scene.agent.action, ==, ACTION_SET_MARK);
    g_assert_cmpstr(scene.agent.message, ==,
                    "Authentication is required to send network probes with a routing mark");

    scene_end(&scene);
}

/* What polkit keeps, as it does by default, holds for all that follows. */
static void test_keep(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "::1", "four.test"};
    PolkitTraffic traffic;
    Answer answer;
    Scene scene;

    scene_start(&scene, NULL, NULL, AGENT_YES);
    polkit_traffic_start(&traffic, &scene.polkit.fixture);

    call_interactive(&answer, scene.user, "Open", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    polkit_traffic_assert(&traffic, 2, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        assert_granted(scene.user, CALL_INTERACTIVE, hosts[i], NULL);
    assert_granted(scene.user, CALL_QUIET, "127.0.0.1", "{'protocol': <'udp'>}");
    /* It is polkit who keeps it, and may forget it: it is asked each time. */
    polkit_traffic_assert(&traffic, 7, 1);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);

    polkit_traffic_end(&traffic);
    scene_end(&scene);
}

/* A trace prompts once. */
static void test_trace(void)
{
    Answer answers[HOPS];
    Scene scene;

    scene_start(&scene, NULL, NULL, AGENT_YES);
    for (int ttl = 1; ttl <= HOPS; ttl++) {
        g_autofree char *options = g_strdup_printf("{'ttl': <%d>}", ttl);

        probe_start(&answers[ttl - 1], scene.user, CALL_INTERACTIVE, "127.0.0.1", options);
    }
    for (unsigned i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    for (int ttl = 1; ttl <= HOPS; ttl++) {
        g_autofree char *options = g_strdup_printf("{'ttl': <%d>}", ttl);

        assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", options);
    }
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    g_assert_cmpuint(get_statistic(scene.user, "authorisation_prompts"), ==, 1);
    scene_end(&scene);
}

/* Many hosts at once prompt once, too: the others wait to see whether polkit keeps the answer. */
static void test_many_hosts(void)
{
    Answer answers[HOPS];
    Scene scene;

    scene_start(&scene, NULL, NULL, AGENT_YES);
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    for (unsigned i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    scene_end(&scene);
}

/* Where polkit does not keep the answer, it is for the calls that waited for it. */
static void test_not_kept(void)
{
    static const char *const rules[] = {"return AUTH_SELF;", "return AUTH_ADMIN;"};

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        Answer answers[HOPS];
        Scene scene;

        scene_start(&scene, rules[i], NULL, AGENT_YES);
        assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
        assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
        g_assert_cmpuint(scene.agent.n_prompts, ==, 2);

        scene.agent.manner = AGENT_WAIT;
        for (unsigned j = 0; j < HOPS; j++)
            probe_start(&answers[j], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
        agent_wait(&scene.agent, 3, 0);
        fixture_wait_probes(&scene.polkit.fixture, 0, HOPS); /* the prompt is for all of them */
        agent_answer(&scene.agent, AGENT_YES);
        for (unsigned j = 0; j < HOPS; j++) {
            call_wait(&answers[j]);
            assert_result(&answers[j], "reply");
            answer_clear(&answers[j]);
        }
        g_assert_cmpuint(scene.agent.n_prompts, ==, 3);

        /* A refusal as well. */
        for (unsigned j = 0; j < HOPS; j++)
            probe_start(&answers[j], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
        agent_wait(&scene.agent, 4, 0);
        fixture_wait_probes(&scene.polkit.fixture, 0, HOPS);
        agent_answer(&scene.agent, AGENT_DISMISS);
        for (unsigned j = 0; j < HOPS; j++) {
            call_wait(&answers[j]);
            assert_error(&answers[j], ERROR_ACCESS_DENIED, "dismissed");
            answer_clear(&answers[j]);
        }
        g_assert_cmpuint(scene.agent.n_prompts, ==, 4);
        scene_end(&scene);
    }
}

/* Each host is a question of its own, but a connection's user sees one prompt at a time. */
static void test_one_at_a_time(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    Answer answers[G_N_ELEMENTS(hosts)], marked;
    Scene scene;

    scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, hosts[i], NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++) {
        unsigned n_done = 0;

        agent_wait(&scene.agent, i + 1, 0);
        g_assert_cmpuint(scene.agent.open->len, ==, 1);
        fixture_wait_probes(&scene.polkit.fixture, 0, G_N_ELEMENTS(hosts) - i);
        agent_answer(&scene.agent, AGENT_YES);
        while (n_done < i + 1) {
            n_done = 0;
            g_main_context_iteration(NULL, TRUE);
            for (unsigned j = 0; j < G_N_ELEMENTS(hosts); j++)
                n_done += answers[j].done;
        }
        g_assert_cmpuint(n_done, ==, i + 1); /* one answer is for one host */
    }
    g_assert_cmpuint(scene.agent.n_open_max, ==, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++) {
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }

    /* What is waited for is the end of the prompt, not of the caller: it may go on otherwise. */
    polkit_set_rules(&scene.polkit,
                     "return probe && action.lookup('mark') != '7' ? AUTH_SELF : YES;");
    probe_start(&answers[0], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&scene.agent, G_N_ELEMENTS(hosts) + 1, 0);
    assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.2", "{'mark': <7>}");
    assert_refused(scene.user, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION,
                   "does not allow");
    assert_refused(scene.user, CALL_QUIET, "127.0.0.2", NULL, ERROR_AUTHENTICATION,
                   "does not allow");
    g_assert_false(answers[0].done);

    /* The other action has a prompt of its own. */
    polkit_set_rules(&scene.polkit,
                     "return probe && action.lookup('mark') == '7' ? YES : AUTH_SELF;");
    probe_start(&marked, scene.user, CALL_INTERACTIVE, "127.0.0.1", "{'mark': <7>}");
    agent_wait(&scene.agent, G_N_ELEMENTS(hosts) + 2, 0);
    g_assert_cmpuint(scene.agent.open->len, ==, 2);
    for (unsigned i = 0; i < 2; i++)
        agent_answer(&scene.agent, AGENT_YES);
    call_wait(&answers[0]);
    assert_result(&answers[0], "reply");
    answer_clear(&answers[0]);
    call_wait(&marked);
    assert_result(&marked, "reply");
    answer_clear(&marked);

    scene_end(&scene);
}

/* Who does not authenticate is not shown one prompt after the other: what waits with the one that
 * was up is refused with it. What comes later is asked for anew. */
static void test_refused_once(void)
{
    static const AgentManner manners[] = {AGENT_NO, AGENT_DISMISS};
    Answer answers[HOPS];
    Scene scene;

    scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (unsigned i = 0; i < G_N_ELEMENTS(manners); i++) {
        for (int j = 0; j < HOPS; j++) {
            g_autofree char *host = g_strdup_printf("127.0.0.%d", j + 1);

            probe_start(&answers[j], scene.user, CALL_INTERACTIVE, host, NULL);
        }
        agent_wait(&scene.agent, i + 1, 0);
        /* each has been asked for once, and one of them with a prompt */
        while (get_statistic(scene.polkit.fixture.root, "authorisation_questions") <
               (i + 1) * (HOPS + 1))
            ;
        fixture_wait_probes(&scene.polkit.fixture, 0, HOPS);
        polkit_catch_up(&scene.polkit);
        agent_answer(&scene.agent, manners[i]);
        for (int j = 0; j < HOPS; j++) {
            call_wait(&answers[j]);
            assert_error(&answers[j], ERROR_ACCESS_DENIED,
                         manners[i] == AGENT_NO ? "polkit says no" : "dismissed");
            answer_clear(&answers[j]);
        }
        g_assert_cmpuint(scene.agent.n_prompts, ==, i + 1);
    }
    scene_end(&scene);
}

/* A prompt that nobody waits for any more disappears, and asks for nobody in line either. */
static void test_caller_leaves(void)
{
    Answer answers[HOPS], answer;
    PolkitTraffic traffic;
    unsigned n_questions;
    Scene scene;

    scene_start(&scene, "if (action.lookup('host') === undefined) return YES; return AUTH_SELF;",
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
    while (get_statistic(scene.polkit.fixture.root, "authorisation_questions") < 3 + HOPS + 1)
        ;
    n_questions = (unsigned)get_statistic(scene.polkit.fixture.root, "authorisation_questions");
    g_assert_cmpuint(n_questions, ==, 3 + HOPS + 1);
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
    scene_end(&scene);
}

/* Nobody waits for a user who does not answer. */
static void test_timeout(void)
{
    Answer answers[2];
    Scene scene;

    scene_start(&scene, "return AUTH_SELF;", "--prompt-timeout=1", AGENT_WAIT);
    probe_start(&answers[0], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&scene.agent, 1, 0);
    probe_start(&answers[1], scene.user, CALL_INTERACTIVE, "127.0.0.2", NULL);
    polkit_catch_up(&scene.polkit);
    for (unsigned i = 0; i < 2; i++) { /* who is in line need not wait as long again */
        call_wait(&answers[i]);
        assert_error(&answers[i], ERROR_ACCESS_DENIED,
                     "user 4242 may not send probes: nobody has authenticated within 1 s (polkit "
                     "action " ACTION_PROBE ")");
    }
    g_assert_cmpint(answers[0].answered - answers[0].called, >=, G_USEC_PER_SEC * 9 / 10);
    for (unsigned i = 0; i < 2; i++)
        answer_clear(&answers[i]);

    /* That was that prompt: whoever comes later has one of its own. */
    probe_start(&answers[0], scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&scene.agent, 2, 1);
    agent_answer(&scene.agent, AGENT_YES);
    call_wait(&answers[0]);
    assert_result(&answers[0], "reply");
    answer_clear(&answers[0]);
    g_assert_cmpuint(scene.agent.n_open_max, ==, 1);
    scene_end(&scene);
}

/* A service that is stopped leaves no prompt up. */
static void test_service_stops(void)
{
    Answer answers[HOPS];
    Scene scene;

    scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
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
    scene_end(&scene);
}

/* However many prompts a user leaves unanswered, over however many connections: others are allowed
 * what they may, and asked what they must be, at once. */
static void test_fairness(void)
{
    GDBusConnection *crowd[CROWD], *other;
    Answer answers[CROWD], answer;
    UserProcess process;
    Agent agent;
    Scene scene;

    fixture_add_user("mtrpacketd-neighbour", NEIGHBOUR_UID);
    /* Whoever starved would be refused, and not just late. */
    scene_start(&scene, "if (action.lookup('host') == '127.0.0.9') return YES; return AUTH_SELF;",
                "--answer-timeout=60", AGENT_WAIT);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = user_process_connect(&scene.process);
        probe_start(&answers[i], crowd[i], CALL_INTERACTIVE, "127.0.0.1", NULL);
    }
    fixture_wait_probes(&scene.polkit.fixture, 0, CROWD);
    /* So many have a place. What the others have to ask waits: nobody sees a prompt for it. */
    agent_wait(&scene.agent, 16, 0);
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
    scene_end(&scene);
}

/*
 * mtrpacketctl
 */

typedef struct Run {
    bool ended;
    int status;
} Run;

static void on_end(GPid pid, int status, void *userdata)
{
    Run *run = userdata;

    run->status = status;
    run->ended = true;
}

/* Runs mtrpacketctl as a user with an agent, and checks its exit status and what it says. */
static void assert_run(Polkit *polkit, AgentManner manner, const char *option, int status,
                       const char *out_part, const char *err_part, unsigned n_prompts)
{
    /* It waits before it becomes mtrpacketctl, until the agent knows it. */
    const char *const argv[] = {"setpriv",
                                "--reuid=4242",
                                "--regid=4242",
                                "--clear-groups",
                                "sh",
                                "-c",
                                "echo; read go; exec \"$@\"",
                                "sh",
                                fixture_program("TEST_MTRPACKETCTL", "mtrpacketctl"),
                                "probe",
                                "127.0.0.1",
                                option,
                                NULL};
    g_autoptr(GError) error = NULL;
    char out_text[256] = "", err_text[512] = "", c;
    int in, out, err;
    Agent agent;
    Run run = {0};
    GPid pid;

    g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &in,
                             &out, &err, &error);
    g_assert_no_error(error);
    g_assert_cmpint(read(out, &c, 1), ==, 1);
    agent_start(&agent, &polkit->fixture, pid, FIXTURE_OTHER_UID, manner);
    g_child_watch_add(pid, on_end, &run);
    g_assert_cmpint(write(in, "\n", 1), ==, 1);
    wait_until(&run.ended);

    g_assert_cmpint(read(out, out_text, sizeof(out_text) - 1), >=, 0);
    g_assert_cmpint(read(err, err_text, sizeof(err_text) - 1), >=, 0);
    if (!WIFEXITED(run.status) || WEXITSTATUS(run.status) != status ||
        !strstr(out_text, out_part) || !strstr(err_text, err_part))
        g_error("wait status %d, stdout \"%s\", stderr \"%s\"", run.status, out_text, err_text);
    g_assert_cmpuint(agent.n_prompts, ==, n_prompts);

    close(in);
    close(out);
    close(err);
    agent_end(&agent);
}

static void test_client(void)
{
    Polkit polkit;

    polkit_start(&polkit, NULL, NULL);
    assert_run(&polkit, AGENT_YES, NULL, 0, "reply from 127.0.0.1", "", 1);
    assert_run(&polkit, AGENT_DISMISS, NULL, 3, "", "the authentication was dismissed", 1);
    assert_run(&polkit, AGENT_YES, "--no-ask-password", 3, "",
               "user 4242 may not send probes: authentication is required, and the call does not "
               "allow to ask for it",
               0);
    polkit_stop(&polkit);
}

/* Told to stop when the bus has gone, as at the end of a machine, with many in line for a prompt.
 */
static void test_bus_lost(void)
{
    Answer answers[HOPS];
    int status;
    Scene scene;

    scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    agent_wait(&scene.agent, 1, 0);
    fixture_wait_probes(&scene.polkit.fixture, 0, HOPS);
    while (get_statistic(scene.polkit.fixture.root, "authorisation_questions") < HOPS + 1)
        ;

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
    scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/authority/agent/answers", test_answers);
    g_test_add_func("/authority/agent/keep", test_keep);
    g_test_add_func("/authority/agent/trace", test_trace);
    g_test_add_func("/authority/agent/many-hosts", test_many_hosts);
    g_test_add_func("/authority/agent/not-kept", test_not_kept);
    g_test_add_func("/authority/agent/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/authority/agent/caller-leaves", test_caller_leaves);
    g_test_add_func("/authority/agent/timeout", test_timeout);
    g_test_add_func("/authority/agent/service-stops", test_service_stops);
    g_test_add_func("/authority/agent/fairness", test_fairness);
    g_test_add_func("/authority/agent/client", test_client);
    g_test_add_func("/authority/agent/refused-once", test_refused_once);
    g_test_add_func("/authority/agent/bus-lost", test_bus_lost);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
