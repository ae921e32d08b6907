/* SPDX-License-Identifier: MIT */

/* Users who are asked to authenticate: how often, and what comes of it. */

#include "prompt-scene.h"

#define HOPS 30

/* What the prompt says, and what each answer to it comes to. */
static void test_answers(void)
{
    g_autofree char *pid = NULL;
    PromptScene scene;

    prompt_scene_start(&scene, NULL, NULL, AGENT_NO);

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

    prompt_scene_end(&scene);
}

/* What polkit keeps, as it does by default, holds for all that follows. */
static void test_keep(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "::1", "four.test"};
    PolkitTraffic traffic;
    Answer answer;
    PromptScene scene;

    prompt_scene_start(&scene, NULL, NULL, AGENT_YES);
    polkit_traffic_start(&traffic, &scene.polkit.fixture);

    call_interactive(&answer, scene.user, "Open", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    polkit_traffic_assert(&traffic, 2, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        assert_granted(scene.user, CALL_INTERACTIVE, hosts[i], NULL);
    assert_granted(scene.user, CALL_QUIET, "127.0.0.1", "{'protocol': <'udp'>}");
    for (unsigned i = 0; i < 2; i++)
        assert_granted(scene.user, CALL_QUIET, "127.0.0.1", NULL);
    /* It is polkit who keeps it, and may forget it: it is asked each time. */
    polkit_traffic_assert(&traffic, 9, 1);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);

    polkit_traffic_end(&traffic);
    prompt_scene_end(&scene);
}

/* A trace prompts once. */
static void test_trace(void)
{
    Answer answers[HOPS];
    PromptScene scene;

    prompt_scene_start(&scene, NULL, NULL, AGENT_YES);
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
    prompt_scene_end(&scene);
}

/* Many hosts at once prompt once, too: the others wait, and then need nobody to be asked. */
static void test_many_hosts(void)
{
    Answer answers[HOPS];
    PolkitTraffic traffic;
    PromptScene scene;

    prompt_scene_start(&scene, NULL, NULL, AGENT_WAIT);
    polkit_traffic_start(&traffic, &scene.polkit.fixture);
    for (int i = 0; i < HOPS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.0.%d", i + 1);

        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, host, NULL);
    }
    agent_wait(&scene.agent, 1, 0);
    prompt_scene_wait(&scene, HOPS + 1);
    agent_answer(&scene.agent, AGENT_YES);
    for (unsigned i = 0; i < HOPS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    polkit_traffic_assert(&traffic, HOPS + 1 + HOPS - 1, 1);

    polkit_traffic_end(&traffic);
    prompt_scene_end(&scene);
}

/* Where polkit does not keep the answer, it is for the calls that waited for it. */
static void test_not_kept(void)
{
    static const char *const rules[] = {"return AUTH_SELF;", "return AUTH_ADMIN;"};

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        Answer answers[HOPS];
        PromptScene scene;

        prompt_scene_start(&scene, rules[i], NULL, AGENT_YES);
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
        prompt_scene_end(&scene);
    }
}

/* Each host is a question of its own, but a connection's user sees one prompt at a time. */
static void test_one_at_a_time(void)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    Answer answers[G_N_ELEMENTS(hosts)], marked;
    PromptScene scene;

    prompt_scene_start(&scene, "return action.lookup('host') == '127.0.0.9' ? NO : AUTH_SELF;",
                       NULL, AGENT_WAIT);
    for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
        probe_start(&answers[i], scene.user, CALL_INTERACTIVE, hosts[i], NULL);

    /* A host that needs nobody to say no has nothing to do with those. */
    prompt_scene_wait(&scene, G_N_ELEMENTS(hosts) + 1);
    assert_refused(scene.user, CALL_INTERACTIVE, "127.0.0.9", NULL, ERROR_ACCESS_DENIED,
                   "polkit says no");

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

    prompt_scene_end(&scene);
}

/* Who calls after the rules have changed does not wait for a prompt from before. */
static void test_rules_change(void)
{
    Answer answer;
    PromptScene scene;

    prompt_scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    probe_start(&answer, scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&scene.agent, 1, 0);
    polkit_set_rules(&scene.polkit, "return NO;");
    assert_refused(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "polkit says no");
    polkit_set_rules(&scene.polkit, "return YES;");
    assert_granted(scene.user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    g_assert_false(answer.done);
    agent_answer(&scene.agent, AGENT_NO);
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "polkit says no");
    answer_clear(&answer);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    prompt_scene_end(&scene);
}

/* Who does not authenticate is not shown one prompt after the other: what waits with the one that
 * was up is refused with it. What comes later is asked for anew. */
static void test_refused_once(void)
{
    static const AgentManner manners[] = {AGENT_NO, AGENT_DISMISS};
    Answer answers[HOPS];
    PromptScene scene;

    prompt_scene_start(&scene, "return AUTH_SELF;", NULL, AGENT_WAIT);
    for (unsigned i = 0; i < G_N_ELEMENTS(manners); i++) {
        for (int j = 0; j < HOPS; j++) {
            g_autofree char *host = g_strdup_printf("127.0.0.%d", j + 1);

            probe_start(&answers[j], scene.user, CALL_INTERACTIVE, host, NULL);
        }
        agent_wait(&scene.agent, i + 1, 0);
        /* each has been asked for once, and one of them with a prompt */
        prompt_scene_wait(&scene, (i + 1) * (HOPS + 1));
        agent_answer(&scene.agent, manners[i]);
        for (int j = 0; j < HOPS; j++) {
            call_wait(&answers[j]);
            assert_error(&answers[j], ERROR_ACCESS_DENIED,
                         manners[i] == AGENT_NO ? "polkit says no" : "dismissed");
            answer_clear(&answers[j]);
        }
        g_assert_cmpuint(scene.agent.n_prompts, ==, i + 1);
    }
    prompt_scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/authority/agent/answers", test_answers);
    g_test_add_func("/authority/agent/keep", test_keep);
    g_test_add_func("/authority/agent/trace", test_trace);
    g_test_add_func("/authority/agent/many-hosts", test_many_hosts);
    g_test_add_func("/authority/agent/not-kept", test_not_kept);
    g_test_add_func("/authority/agent/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/authority/agent/rules-change", test_rules_change);
    g_test_add_func("/authority/agent/refused-once", test_refused_once);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
