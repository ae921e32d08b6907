/* SPDX-License-Identifier: MIT */

#include "agent.h"

#include <string.h>

#include "polkit.h"

#define AGENT_PATH "/org/mtrpacket/test/AuthenticationAgent"

#define ERROR_FAILED POLKIT_NAME ".Error.Failed"
#define ERROR_DISMISSED POLKIT_NAME ".Error.Cancelled"

static const char interface_xml[] =
    "<node>"
    " <interface name='org.freedesktop.PolicyKit1.AuthenticationAgent'>"
    "  <method name='BeginAuthentication'>"
    "   <arg type='s' name='action_id' direction='in'/>"
    "   <arg type='s' name='message' direction='in'/>"
    "   <arg type='s' name='icon_name' direction='in'/>"
    "   <arg type='a{ss}' name='details' direction='in'/>"
    "   <arg type='s' name='cookie' direction='in'/>"
    "   <arg type='a(sa{sv})' name='identities' direction='in'/>"
    "  </method>"
    "  <method name='CancelAuthentication'>"
    "   <arg type='s' name='cookie' direction='in'/>"
    "  </method>"
    " </interface>"
    "</node>";

typedef struct Prompt {
    GDBusMethodInvocation *begin; /* to be answered */
    char *cookie;
    GVariant *identity; /* one whose password would do */
} Prompt;

static void prompt_free(Prompt *prompt)
{
    g_free(prompt->cookie);
    g_variant_unref(prompt->identity);
    g_free(prompt);
}

/* What the setuid helper says, which polkit believes since it is root. */
static void vouch(const Agent *agent, const Prompt *prompt)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = NULL;

    reply = g_dbus_connection_call_sync(
        agent->fixture->root, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
        "AuthenticationAgentResponse2",
        g_variant_new("(us@(sa{sv}))", (guint32)agent->uid, prompt->cookie, prompt->identity), NULL,
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
}

/* Ends a prompt, which is up no longer. */
static void end_prompt(const Agent *agent, Prompt *prompt, AgentManner manner)
{
    switch (manner) {
    case AGENT_YES:
        vouch(agent, prompt);
        g_dbus_method_invocation_return_value(prompt->begin, NULL);
        break;
    case AGENT_NO:
        g_dbus_method_invocation_return_dbus_error(prompt->begin, ERROR_FAILED, "wrong password");
        break;
    case AGENT_DISMISS:
        g_dbus_method_invocation_return_dbus_error(prompt->begin, ERROR_DISMISSED, "closed");
        break;
    case AGENT_WAIT:
        g_assert_not_reached();
    }
    prompt_free(prompt);
}

static void begin(Agent *agent, GVariant *parameters, GDBusMethodInvocation *invocation)
{
    g_autoptr(GVariantIter) details = NULL, identities = NULL;
    Prompt *prompt = g_new0(Prompt, 1);
    char *key, *value;

    prompt->begin = invocation;
    g_free(agent->action);
    g_free(agent->message);
    g_variant_get(parameters, "(sssa{ss}sa(sa{sv}))", &agent->action, &agent->message, NULL,
                  &details, &prompt->cookie, &identities);
    g_hash_table_remove_all(agent->details);
    while (g_variant_iter_next(details, "{ss}", &key, &value))
        g_hash_table_insert(agent->details, key, value);
    prompt->identity = g_variant_iter_next_value(identities);
    g_assert_nonnull(prompt->identity);

    agent->n_prompts++;
    g_ptr_array_add(agent->open, prompt);
    agent->n_open_max = MAX(agent->n_open_max, agent->open->len);
    if (agent->manner != AGENT_WAIT)
        agent_answer(agent, agent->manner);
}

static void cancel(Agent *agent, const char *cookie)
{
    for (unsigned i = 0; i < agent->open->len; i++) {
        Prompt *prompt = g_ptr_array_index(agent->open, i);

        if (strcmp(prompt->cookie, cookie) == 0) {
            g_ptr_array_remove_index(agent->open, i);
            agent->n_cancelled++;
            end_prompt(agent, prompt, AGENT_DISMISS);
            return;
        }
    }
}

static void on_call(GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *method, GVariant *parameters,
                    GDBusMethodInvocation *invocation, void *userdata)
{
    const char *cookie;

    if (strcmp(method, "BeginAuthentication") == 0) {
        begin(userdata, parameters, invocation);
        return;
    }
    g_variant_get(parameters, "(&s)", &cookie);
    cancel(userdata, cookie);
    g_dbus_method_invocation_return_value(invocation, NULL);
}

/* By which the kernel tells a process from a later one of its number. */
static guint64 start_time(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *contents = NULL;
    g_auto(GStrv) fields = NULL;

    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    /* What comes behind the program's name begins with field 3; this is field 22. */
    fields = g_strsplit(strrchr(contents, ')') + 2, " ", -1);
    g_assert_cmpuint(g_strv_length(fields), >, 22 - 3);
    return g_ascii_strtoull(fields[22 - 3], NULL, 10);
}

void agent_register(Agent *agent)
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    GVariantBuilder subject;

    g_variant_builder_init(&subject, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&subject, "{sv}", "pid", g_variant_new_uint32((guint32)agent->pid));
    g_variant_builder_add(&subject, "{sv}", "start-time",
                          g_variant_new_uint64(start_time(agent->pid)));
    g_variant_builder_add(&subject, "{sv}", "uid", g_variant_new_int32((gint32)agent->uid));
    reply = g_dbus_connection_call_sync(
        agent->connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
        "RegisterAuthenticationAgent",
        g_variant_new("((sa{sv})ss)", "unix-process", &subject, "C", AGENT_PATH), NULL,
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
}

void agent_start(Agent *agent, Fixture *fixture, GPid pid, uid_t uid, AgentManner manner)
{
    static const GDBusInterfaceVTable vtable = {.method_call = on_call};
    g_autoptr(GDBusNodeInfo) node = NULL;
    g_autoptr(GError) error = NULL;

    *agent = (Agent){.fixture = fixture,
                     .uid = uid,
                     .pid = pid,
                     .connection = fixture_connect(uid),
                     .manner = manner,
                     .open = g_ptr_array_new(),
                     .details = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    node = g_dbus_node_info_new_for_xml(interface_xml, &error);
    g_assert_no_error(error);
    agent->registration = g_dbus_connection_register_object(
        agent->connection, AGENT_PATH, node->interfaces[0], &vtable, agent, NULL, &error);
    g_assert_no_error(error);
    agent_register(agent);
}

void agent_wait(const Agent *agent, unsigned n_prompts, unsigned n_cancelled)
{
    while (agent->n_prompts < n_prompts || agent->n_cancelled < n_cancelled)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(agent->n_prompts, ==, n_prompts);
    g_assert_cmpuint(agent->n_cancelled, ==, n_cancelled);
}

void agent_answer(Agent *agent, AgentManner manner)
{
    g_assert_cmpuint(agent->open->len, >, 0);
    end_prompt(agent, g_ptr_array_steal_index(agent->open, 0), manner);
}

void agent_end(Agent *agent)
{
    while (agent->open->len > 0)
        agent_answer(agent, AGENT_DISMISS);
    g_dbus_connection_unregister_object(agent->connection, agent->registration);
    fixture_disconnect(agent->connection);
    g_ptr_array_unref(agent->open);
    g_hash_table_unref(agent->details);
    g_free(agent->action);
    g_free(agent->message);
}
