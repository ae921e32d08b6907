/* SPDX-License-Identifier: MIT */

/* Who may open a stream, and what its commands may then. */

#include <signal.h>

#include "prompt-scene.h"
#include "stream-client.h"

/* Opens a stream as the scene's user, who may be asked. */
static void open_asking(StreamClient *client, const PromptScene *scene, const char *arguments)
{
    Answer answer;
    int fd;

    call_interactive(&answer, scene->user, "OpenStream", g_variant_new_parsed(arguments));
    fd = stream_answer_take(&answer);
    stream_client_init(client, fd, fd);
}

static void assert_no_stream(GDBusConnection *connection, const char *arguments, const char *error,
                             const char *message)
{
    Answer answer;

    call_start(&answer, connection, "OpenStream", g_variant_new_parsed(arguments));
    call_wait(&answer);
    assert_error(&answer, error, message);
    answer_clear(&answer);
}

static void assert_sent(StreamClient *client, const char *address)
{
    stream_say(client, "7 send-probe ip-4 %s\n", address);
    stream_expect_reply(client, 7, address);
}

static void assert_denied(StreamClient *client, const char *address)
{
    stream_say(client, "7 send-probe ip-4 %s\n", address);
    stream_expect(client, "7 permission-denied");
}

/* The same words as for a probe, and nobody is asked who does not want to be. */
static void test_denied(void)
{
    PromptScene scene;
    Answer answer;

    prompt_scene_start(&scene, "return NO;", NULL, AGENT_YES);
    assert_no_stream(scene.user, "(@a{sv} {},)", ERROR_ACCESS_DENIED,
                     "user 4242 may not send probes: polkit says no");
    polkit_set_rules(&scene.polkit, NULL);
    assert_no_stream(scene.user, "(@a{sv} {},)", ERROR_AUTHENTICATION,
                     "user 4242 may not send probes: authentication is required");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 0);

    scene.agent.manner = AGENT_DISMISS;
    call_interactive(&answer, scene.user, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "the authentication was dismissed");
    answer_clear(&answer);
    g_assert_cmpuint(get_statistic(scene.polkit.fixture.root, "streams_opened"), ==, 0);
    prompt_scene_end(&scene);
}

/* polkit's rules see each command's host as it was written, protocol and mark; questions to
 * mtr-packet are everybody's. */
static void test_details(void)
{
    static const char rules[] =
        "if (action.lookup('host') == undefined) return YES;"
        "return action.lookup('host') == '0:0::1' && action.lookup('protocol') == 'udp' ||"
        "       action.lookup('host') == '127.0.0.1' && action.lookup('mark') == '5' ? YES : NO;";
    GDBusConnection *user;
    StreamClient client;
    Polkit polkit;

    polkit_start(&polkit, rules, NULL);
    user = fixture_connect(FIXTURE_OTHER_UID);
    stream_open(&client, user);

    stream_say(&client, "1 send-probe ip-6 0:0::1 protocol udp\n");
    stream_expect_reply(&client, 1, "::1");
    stream_say(&client, "2 send-probe ip-6 ::1 protocol udp\n");
    stream_expect(&client, "2 permission-denied");
    stream_say(&client, "3 send-probe ip-6 0:0::1 protocol tcp\n");
    stream_expect(&client, "3 permission-denied");
    stream_say(&client, "4 send-probe ip-4 127.0.0.1 protocol tcp mark 5\n");
    stream_expect_reply(&client, 4, "127.0.0.1");
    assert_denied(&client, "127.0.0.1");
    stream_say(&client, "5 check-support feature tcp\n");
    stream_expect(&client, "5 feature-support support ok");

    stream_client_clear(&client);
    fixture_disconnect(user);
    polkit_stop(&polkit);
}

/* A rule that is withdrawn while the stream is open, and comes back. */
static void test_withdrawn(void)
{
    GDBusConnection *user;
    StreamClient client;
    Polkit polkit;

    polkit_start(&polkit, "return YES;", NULL);
    user = fixture_connect(FIXTURE_OTHER_UID);
    stream_open(&client, user);
    assert_sent(&client, "127.0.0.1");
    assert_sent(&client, "127.0.0.1");

    polkit_set_rules(&polkit, "return NO;");
    polkit_catch_up(&polkit);
    assert_denied(&client, "127.0.0.1");
    /* Everybody may ask what mtr-packet supports. */
    stream_say(&client, "1 check-support feature udp\n");
    stream_expect(&client, "1 feature-support support ok");
    polkit_set_rules(&polkit, "return YES;");
    polkit_catch_up(&polkit);
    assert_sent(&client, "127.0.0.1");

    polkit_end_daemon(&polkit, SIGTERM);
    assert_denied(&client, "127.0.0.1");

    stream_client_clear(&client);
    fixture_disconnect(user);
    polkit_stop(&polkit);
}

/* Asks polkit @n times more than @before for as many commands, or not at all. */
static void assert_asked(const PromptScene *scene, StreamClient *client, unsigned n)
{
    GDBusConnection *root = scene->polkit.fixture.root;
    guint64 before = get_statistic(root, "authorisation_questions");

    for (unsigned i = 0; i < 10; i++) {
        g_autofree char *address = g_strdup_printf("127.0.0.%u", i + 1);

        assert_sent(client, address);
    }
    g_assert_cmpuint(get_statistic(root, "authorisation_questions"), ==, before + n);
}

/* What the user authenticates for when the stream is opened holds for all its commands until there
 * is news, and then for as long as polkit keeps it. */
static void test_kept(void)
{
    StreamClient client, second;
    PromptScene scene;

    prompt_scene_start(&scene, NULL, NULL, AGENT_YES);
    open_asking(&client, &scene, "(@a{sv} {},)");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    assert_asked(&scene, &client, 0);

    polkit_set_rules(&scene.polkit, "return AUTH_ADMIN_KEEP;");
    polkit_catch_up(&scene.polkit);
    assert_asked(&scene, &client, 10);

    /* Of a second one polkit knows already, and nobody is asked. */
    stream_open(&second, scene.user);
    assert_asked(&scene, &second, 0);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);

    /* Another polkit has kept nothing. */
    polkit_end_daemon(&scene.polkit, SIGTERM);
    polkit_start_daemon(&scene.polkit);
    assert_denied(&client, "127.0.0.1");
    assert_denied(&second, "127.0.0.1");

    stream_client_clear(&client);
    stream_client_clear(&second);
    prompt_scene_end(&scene);
}

/* What polkit does not keep holds until there is news. */
static void test_not_kept(void)
{
    StreamClient client;
    PromptScene scene;

    prompt_scene_start(&scene, "return AUTH_ADMIN;", NULL, AGENT_YES);
    open_asking(&client, &scene, "(@a{sv} {},)");
    assert_asked(&scene, &client, 0);
    polkit_set_rules(&scene.polkit, "return AUTH_ADMIN;");
    polkit_catch_up(&scene.polkit);
    assert_denied(&client, "127.0.0.1");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    stream_client_clear(&client);
    prompt_scene_end(&scene);
}

/* A rule that changes while the last of N prompts is up: what is then said holds for what it was
 * asked for, and nothing that was said before does. */
static void check_news_while_asked(const char *rules, const char *arguments, unsigned n)
{
    StreamClient client;
    PromptScene scene;
    Answer answer;
    int fd;

    prompt_scene_start(&scene, rules, NULL, AGENT_WAIT);
    call_interactive(&answer, scene.user, "OpenStream", g_variant_new_parsed(arguments));
    for (unsigned i = 1; i <= n; i++) {
        agent_wait(&scene.agent, i, 0);
        if (i == n) {
            polkit_set_rules(&scene.polkit, "return NO;");
            polkit_catch_up(&scene.polkit);
        }
        agent_answer(&scene.agent, AGENT_YES);
    }
    fd = stream_answer_take(&answer);
    stream_client_init(&client, fd, fd);
    assert_denied(&client, "127.0.0.1");
    stream_client_clear(&client);
    prompt_scene_end(&scene);
}

static void test_news_while_asked(void)
{
    check_news_while_asked("return AUTH_ADMIN;", "(@a{sv} {},)", 1);
}

static void test_mark_news(void)
{
    check_news_while_asked("return action.id == '" ACTION_PROBE "' ? AUTH_ADMIN : AUTH_ADMIN_KEEP;",
                           "({'mark': <true>},)", 2);
}

/* Marks are asked for when the stream is opened, or not at all: no command has a prompt. */
static void test_mark(void)
{
    static const char rules[] = "return action.id == '" ACTION_PROBE "' ? YES : AUTH_ADMIN;";
    StreamClient client, marked;
    PromptScene scene;
    Answer answer;

    prompt_scene_start(&scene, rules, NULL, AGENT_YES);
    open_asking(&client, &scene, "({'mark': <false>},)");
    stream_say(&client, "1 send-probe ip-4 127.0.0.1 mark 3\n");
    stream_expect(&client, "1 permission-denied");
    assert_sent(&client, "127.0.0.1");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 0);

    assert_no_stream(scene.user, "({'mark': <true>},)", ERROR_AUTHENTICATION,
                     "may not set a routing mark");
    open_asking(&marked, &scene, "({'mark': <true>},)");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    g_assert_cmpstr(scene.agent.action, ==, ACTION_SET_MARK);
    stream_say(&marked, "1 send-probe ip-4 127.0.0.1 mark 3\n");
    stream_expect_reply(&marked, 1, "127.0.0.1");
    /* Of the other stream nobody has said so. */
    stream_say(&client, "1 send-probe ip-4 127.0.0.1 mark 3\n");
    stream_expect(&client, "1 permission-denied");
    stream_client_clear(&client);
    stream_client_clear(&marked);

    /* Who is refused the mark has no stream. */
    scene.agent.manner = AGENT_NO;
    call_interactive(&answer, scene.user, "OpenStream",
                     g_variant_new_parsed("({'mark': <true>},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_ACCESS_DENIED, "may not set a routing mark: polkit says no");
    answer_clear(&answer);
    prompt_scene_end(&scene);
}

/* That polkit keeps the one is no end of the other. */
static void test_mark_kept(const void *rules)
{
    StreamClient client;
    PromptScene scene;

    prompt_scene_start(&scene, rules, NULL, AGENT_YES);
    open_asking(&client, &scene, "({'mark': <true>},)");
    g_assert_cmpuint(scene.agent.n_prompts, ==, 2);
    assert_asked(&scene, &client, 0);
    stream_say(&client, "1 send-probe ip-4 127.0.0.1 mark 3\n");
    stream_expect_reply(&client, 1, "127.0.0.1");
    assert_asked(&scene, &client, 0);
    stream_client_clear(&client);
    prompt_scene_end(&scene);
}

/* Nobody is asked to authenticate for what there is no place for. */
static void test_no_place(void)
{
    StreamClient client;
    PromptScene scene;
    Answer answer;

    prompt_scene_start(&scene, "return AUTH_ADMIN;", "--user-streams=1", AGENT_YES);
    open_asking(&client, &scene, "(@a{sv} {},)");
    call_interactive(&answer, scene.user, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    call_wait(&answer);
    assert_error(&answer, ERROR_LIMITS_EXCEEDED, "user 4242 has 1 streams open");
    answer_clear(&answer);
    g_assert_cmpuint(scene.agent.n_prompts, ==, 1);
    g_assert_cmpuint(get_statistic(scene.polkit.fixture.root, "streams_opened"), ==, 1);
    stream_client_clear(&client);
    prompt_scene_end(&scene);
}

/* The caller leaves, or the service is stopped, while the user is being asked. */
static void test_left_while_asked(void)
{
    PromptScene scene;
    Answer answer;

    prompt_scene_start(&scene, NULL, NULL, AGENT_WAIT);
    call_interactive(&answer, scene.user, "OpenStream", g_variant_new_parsed("(@a{sv} {},)"));
    agent_wait(&scene.agent, 1, 0);
    fixture_disconnect(scene.user);
    agent_wait(&scene.agent, 1, 1);
    call_wait(&answer);
    answer_clear(&answer);

    scene.user = user_process_connect(&scene.process);
    call_interactive(&answer, scene.user, "OpenStream",
                     g_variant_new_parsed("({'mark': <true>},)"));
    agent_wait(&scene.agent, 2, 1);
    g_assert_cmpint(fixture_end_service(&scene.polkit.fixture, SIGTERM), ==, 0);
    call_wait(&answer);
    assert_error(&answer, ERROR_CANCELLED, "stopped");
    answer_clear(&answer);
    prompt_scene_end(&scene);
}

static void add_tests(void)
{
    g_test_add_func("/stream-authority/denied", test_denied);
    g_test_add_func("/stream-authority/details", test_details);
    g_test_add_func("/stream-authority/withdrawn", test_withdrawn);
    g_test_add_func("/stream-authority/kept", test_kept);
    g_test_add_func("/stream-authority/not-kept", test_not_kept);
    g_test_add_func("/stream-authority/news-while-asked", test_news_while_asked);
    g_test_add_func("/stream-authority/mark", test_mark);
    g_test_add_data_func("/stream-authority/mark-kept/both", "return AUTH_ADMIN_KEEP;",
                         test_mark_kept);
    g_test_add_data_func("/stream-authority/mark-kept/mark",
                         "return action.id == '" ACTION_PROBE "' ? AUTH_ADMIN : AUTH_ADMIN_KEEP;",
                         test_mark_kept);
    g_test_add_data_func("/stream-authority/mark-kept/probe",
                         "return action.id == '" ACTION_PROBE "' ? AUTH_ADMIN_KEEP : AUTH_ADMIN;",
                         test_mark_kept);
    g_test_add_func("/stream-authority/mark-news", test_mark_news);
    g_test_add_func("/stream-authority/no-place", test_no_place);
    g_test_add_func("/stream-authority/left-while-asked", test_left_while_asked);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
