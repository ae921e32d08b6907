/* SPDX-License-Identifier: MIT */

#include "prompt-scene.h"

void prompt_scene_start(PromptScene *scene, const char *rules, const char *option,
                        AgentManner manner)
{
    polkit_start(&scene->polkit, rules, option);
    user_process_start(&scene->process, FIXTURE_OTHER_UID);
    scene->user = user_process_connect(&scene->process);
    agent_start(&scene->agent, &scene->polkit.fixture, scene->process.pid, FIXTURE_OTHER_UID,
                manner);
}

/* What polkit says to one question may bring the next. */
void prompt_scene_wait(PromptScene *scene, unsigned n)
{
    GDBusConnection *root = scene->polkit.fixture.root;
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    guint64 before, now = 0;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        before = now;
        polkit_catch_up(&scene->polkit);
        now = get_statistic(root, "authorisation_questions");
    } while (now < n || now != before);
    g_assert_cmpuint(now, ==, n);
}

void prompt_scene_end(PromptScene *scene)
{
    agent_end(&scene->agent);
    if (scene->user)
        fixture_disconnect(scene->user);
    user_process_end(&scene->process);
    polkit_stop(&scene->polkit);
}
