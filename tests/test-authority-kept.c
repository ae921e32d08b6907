/* SPDX-License-Identifier: MIT */

/* What the service keeps of polkit's answers, and for how many. */

#include "agent.h"
#include "polkit.h"
#include "user-process.h"

/* Answers of one caller that are kept at a time (grants.h). */
#define KEPT_MAX 64

static guint64 questions(const Polkit *polkit)
{
    return get_statistic(polkit->fixture.root, "authorisation_questions");
}

static char *host_name(unsigned n)
{
    return g_strdup_printf("127.0.1.%u", n);
}

/* However many hosts a caller probes, one by one or all at once: no more than so many answers are
 * kept, and the oldest goes first. */
static void test_many(void)
{
    enum { HOSTS = 2 * KEPT_MAX - 10 }; /* a bus lets no more than 128 calls wait */
    Answer answers[HOSTS];
    GDBusConnection *other;
    Polkit polkit;
    guint64 before;

    polkit_start(&polkit, "return YES;", NULL);
    other = fixture_connect(FIXTURE_OTHER_UID);
    for (unsigned i = 0; i <= KEPT_MAX; i++) {
        g_autofree char *host = host_name(i);

        assert_granted(other, CALL_QUIET, host, NULL);
    }
    before = questions(&polkit);
    g_assert_cmpuint(before, ==, KEPT_MAX + 1);
    for (unsigned i = KEPT_MAX; i > 0; i--) {
        g_autofree char *host = host_name(i);

        assert_granted(other, CALL_QUIET, host, NULL);
    }
    g_assert_cmpuint(questions(&polkit), ==, before);
    assert_granted(other, CALL_QUIET, "127.0.1.0", NULL);
    g_assert_cmpuint(questions(&polkit), ==, before + 1);

    before = questions(&polkit);
    for (unsigned i = 0; i < HOSTS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.2.%u", i);

        probe_start(&answers[i], other, CALL_QUIET, host, NULL);
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        call_wait(&answers[i]);
        assert_result(&answers[i], "reply");
        answer_clear(&answers[i]);
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        g_autofree char *host = g_strdup_printf("127.0.2.%u", HOSTS - 1 - i);

        assert_granted(other, CALL_QUIET, host, NULL);
    }
    g_assert_cmpuint(questions(&polkit), ==, before + HOSTS + HOSTS - KEPT_MAX);

    fixture_disconnect(other);
    polkit_stop(&polkit);
}

/* What a user has authenticated for polkit keeps, and not the service, which asks it each time. */
static void test_authenticated(void)
{
    UserProcess process;
    GDBusConnection *user;
    Polkit polkit;
    guint64 before;
    Agent agent;

    polkit_start(&polkit, "return AUTH_ADMIN_KEEP;", NULL);
    user_process_start(&process, FIXTURE_OTHER_UID);
    user = user_process_connect(&process);
    agent_start(&agent, &polkit.fixture, process.pid, FIXTURE_OTHER_UID, AGENT_YES);
    assert_granted(user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    before = questions(&polkit);
    for (unsigned i = 1; i <= 5; i++) {
        assert_granted(user, CALL_QUIET, "127.0.0.1", NULL);
        g_assert_cmpuint(questions(&polkit), ==, before + i);
    }
    g_assert_cmpuint(agent.n_prompts, ==, 1);

    agent_end(&agent);
    fixture_disconnect(user);
    user_process_end(&process);
    polkit_stop(&polkit);
}

/* A call that comes after news waits for no answer to a question of before, even if it is the same
 * one: a prompt may be up for minutes, and the rules forbid by now what it asks for. */
static void test_question_before_news(void)
{
    UserProcess process;
    GDBusConnection *user;
    Answer answer;
    Polkit polkit;
    Agent agent;

    polkit_start(&polkit, "return AUTH_SELF;", NULL);
    user_process_start(&process, FIXTURE_OTHER_UID);
    user = user_process_connect(&process);
    agent_start(&agent, &polkit.fixture, process.pid, FIXTURE_OTHER_UID, AGENT_WAIT);
    probe_start(&answer, user, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&agent, 1, 0);

    polkit_set_rules(&polkit, "return NO;");
    polkit_catch_up(&polkit);
    assert_refused(user, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "polkit says no");
    g_assert_false(answer.done);
    agent_answer(&agent, AGENT_NO);
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "polkit says no");
    answer_clear(&answer);
    g_assert_cmpuint(agent.n_prompts, ==, 1);

    agent_end(&agent);
    fixture_disconnect(user);
    user_process_end(&process);
    polkit_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/authority/kept/many", test_many);
    g_test_add_func("/authority/kept/authenticated", test_authenticated);
    g_test_add_func("/authority/kept/question-before-news", test_question_before_news);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
