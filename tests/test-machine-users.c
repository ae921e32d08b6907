/* SPDX-License-Identifier: MIT */

/* Who may probe on a machine with a real systemd-logind and polkit: users with an active session,
 * an inactive one, and none (tests/machine). */

#include <string.h>

#include "agent.h"
#include "call.h"
#include "polkit.h"
#include "process.h"
#include "systemd-unit.h"
#include "user-process.h"

#define ALICE_UID 4301
#define BOB_UID 4302
#define CAROL_UID 4303
#define SMOKEPING_UID 4304

/* Where the build puts them that is installed. */
#define EXAMPLES_DIR "/usr/share/doc/mtrpacketd/examples"

#define SEAT "seat0"

static GDBusConnection *root;

static void add_user(const char *name, unsigned uid)
{
    g_autofree char *number = g_strdup_printf("--uid=%u", uid);
    const char *const argv[] = {"useradd", "--create-home", number, name, NULL};

    g_assert_cmpint(fixture_command(argv, NULL, NULL), ==, 0);
}

static void run(const char *program, const char *verb, const char *object)
{
    const char *const argv[] = {program, verb, object, NULL};
    g_autofree char *out = NULL; /* is no TAP */

    g_assert_cmpint(fixture_command(argv, &out, NULL), ==, 0);
}

/* Runs a program as the user of a desktop does in a terminal there, and checks that it succeeds;
 * what it wrote, to be freed. */
static char *run_as_alice(const char *const command[])
{
    static const char *const systemd_run[] = {"systemd-run",
                                              "--quiet",
                                              "--pipe",
                                              "--wait",
                                              "--collect",
                                              "-p",
                                              "PAMName=login",
                                              "-p",
                                              "User=alice",
                                              "-E",
                                              ("XDG_SEAT=" SEAT),
                                              "-E",
                                              "XDG_SESSION_TYPE=tty",
                                              "-E",
                                              "XDG_SESSION_CLASS=user"};
    g_autoptr(GPtrArray) whole = g_ptr_array_new();
    char *said;

    for (size_t i = 0; i < G_N_ELEMENTS(systemd_run); i++)
        g_ptr_array_add(whole, (char *)systemd_run[i]);
    for (; *command; command++)
        g_ptr_array_add(whole, (char *)*command);
    g_ptr_array_add(whole, NULL);
    g_assert_cmpint(fixture_command((const char *const *)whole->pdata, &said, NULL), ==, 0);
    return said;
}

/* The first call starts the service. */
static void test_activation(void)
{
    static const char *const busctl[] = {
        "busctl", "call",   SERVICE_NAME, SERVICE_PATH, SERVICE_INTERFACE,
        "Probe",  "sa{sv}", "127.0.0.1",  "0",          NULL};

    unit_configure("--idle-timeout=0.3", NULL);
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *said = run_as_alice(busctl);

        g_assert_nonnull(strstr(said, " true \"reply\" "));
        unit_wait_state("inactive");
    }
}

/* And with mtr, unchanged. */
static void test_mtr(void)
{
    static const char *const mtr[] = {"env",
                                      "MTR_PACKET=/usr/libexec/mtrpacket-bridge",
                                      "mtr",
                                      "--report",
                                      "--report-cycles=2",
                                      "--gracetime=1",
                                      "--no-dns",
                                      "127.0.0.1",
                                      NULL};
    g_autofree char *said = NULL;

    unit_configure(NULL, NULL);
    said = run_as_alice(mtr);
    g_assert_true(g_regex_match_simple("1\\.\\|-- 127\\.0\\.0\\.1 +0\\.0% +2 ", said, 0, 0));
    g_assert_cmpuint(get_statistic(root, "streams_opened"), ==, 1);
    g_assert_cmpuint(get_statistic(root, "replies"), >=, 2);
}

/* The user of an active session may probe, and polkit is asked once; for a mark the administrator's
 * password is needed. */
static void test_active(void)
{
    GDBusConnection *connection;
    UserProcess alice;
    Answer answer;

    unit_configure(NULL, NULL);
    user_process_log_in(&alice, "alice", SEAT);
    g_assert_cmpuint(alice.uid, ==, ALICE_UID);
    connection = user_process_connect(&alice);

    for (unsigned i = 0; i < 5; i++)
        assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(connection, CALL_QUIET, "127.0.0.1", "{'protocol': <'tcp'>, 'port': <9>}");
    assert_granted(connection, CALL_QUIET, "127.0.0.1", "{'protocol': <'udp'>}");
    g_assert_cmpuint(get_statistic(root, "authorisation_questions"), ==, 3);
    call_start(&answer, connection, "Open", NULL);
    call_wait(&answer);
    g_assert_cmpstr(answer.message, ==, NULL);
    answer_clear(&answer);
    assert_refused(connection, CALL_QUIET, "127.0.0.1", "{'mark': <7>}", ERROR_AUTHENTICATION,
                   ACTION_SET_MARK);

    fixture_disconnect(connection);
    user_process_end(&alice);
}

/* Refused as she is; with an agent's yes, and only then, granted. */
static void assert_must_authenticate(const UserProcess *process)
{
    GDBusConnection *connection = user_process_connect(process);
    Fixture fixture = {.root = root};
    Agent agent;

    assert_refused(connection, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION, ACTION_PROBE);
    assert_refused(connection, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_AUTHENTICATION,
                   "no agent");

    agent_start(&agent, &fixture, process->pid, process->uid, AGENT_NO);
    assert_refused(connection, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   ACTION_PROBE);
    agent_wait(&agent, 1, 0);
    agent.manner = AGENT_YES;
    assert_granted(connection, CALL_INTERACTIVE, "127.0.0.1", NULL);
    agent_wait(&agent, 2, 0);
    /* polkit keeps that, for this process */
    assert_granted(connection, CALL_QUIET, "::1", NULL);
    agent_wait(&agent, 2, 0);
    agent_end(&agent);
    fixture_disconnect(connection);
}

/* Who comes to the seat makes the other's session inactive: what polkit said of it holds no more.
 */
static void test_inactive(void)
{
    GDBusConnection *connection;
    UserProcess alice, carol;
    Answer answer;
    bool refused;
    gint64 end;

    unit_configure(NULL, NULL);
    user_process_log_in(&alice, "alice", SEAT);
    connection = user_process_connect(&alice);
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);

    user_process_log_in(&carol, "carol", SEAT);
    end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    do { /* until polkit has heard of it, which it then tells; a minute later what it said is past
            anyway */
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        probe_wait(&answer, connection, "127.0.0.1", NULL);
        refused = answer.error != NULL;
        if (refused)
            assert_error(&answer, ERROR_AUTHENTICATION, ACTION_PROBE);
        answer_clear(&answer);
    } while (!refused);
    fixture_disconnect(connection);
    assert_must_authenticate(&alice);

    connection = user_process_connect(&carol);
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);
    fixture_disconnect(connection);
    user_process_end(&carol);
    user_process_end(&alice);
}

/* As over ssh, and as a service. */
static void test_elsewhere(void)
{
    UserProcess bob;

    unit_configure(NULL, NULL);
    user_process_log_in(&bob, "bob", NULL);
    assert_must_authenticate(&bob);
    user_process_end(&bob);

    user_process_start(&bob, BOB_UID);
    assert_must_authenticate(&bob);
    user_process_end(&bob);
}

/* A rule lets in whom the policy would not, and the other way round. */
static void test_rules(void)
{
    GDBusConnection *of_alice, *of_bob;
    UserProcess alice, bob;
    Polkit polkit;

    unit_configure(NULL, NULL);
    polkit_adopt(&polkit, root);
    user_process_log_in(&alice, "alice", SEAT);
    user_process_start(&bob, BOB_UID);
    of_alice = user_process_connect(&alice);
    of_bob = user_process_connect(&bob);
    assert_granted(of_alice, CALL_QUIET, "127.0.0.1", NULL);

    polkit_set_rules(&polkit, "if (probe) return subject.user == 'bob' ? YES : NO;");
    assert_granted(of_bob, CALL_QUIET, "127.0.0.1", NULL);
    assert_refused(of_bob, CALL_QUIET, "127.0.0.1", "{'mark': <7>}", ERROR_AUTHENTICATION,
                   ACTION_SET_MARK);
    assert_refused(of_alice, CALL_INTERACTIVE, "127.0.0.1", NULL, ERROR_ACCESS_DENIED,
                   "polkit says no");

    polkit_set_rules(&polkit, "return subject.active && subject.local ? YES : NO;");
    assert_refused(of_bob, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "polkit says no");
    assert_granted(of_alice, CALL_QUIET, "127.0.0.1", "{'mark': <7>}");
    polkit_release(&polkit);

    fixture_disconnect(of_alice);
    fixture_disconnect(of_bob);
    user_process_end(&alice);
    user_process_end(&bob);
}

/* The rules that are installed to be copied. */
static void test_examples(void)
{
    GDBusConnection *of_bob, *of_carol, *of_smokeping;
    UserProcess bob, carol;
    Polkit polkit;

    unit_configure(NULL, NULL);
    polkit_adopt(&polkit, root);
    run("groupadd", "--system", "netprobe");
    run("gpasswd", "--add=bob", "netprobe");
    user_process_log_in(&bob, "bob", NULL);
    user_process_log_in(&carol, "carol", NULL);
    of_bob = user_process_connect(&bob);
    of_carol = user_process_connect(&carol);

    polkit_install_rules(&polkit, EXAMPLES_DIR "/50-mtrpacketd-group.rules");
    assert_granted(of_bob, CALL_QUIET, "127.0.0.1", NULL);
    assert_refused(of_bob, CALL_QUIET, "127.0.0.1", "{'mark': <7>}", ERROR_AUTHENTICATION,
                   ACTION_SET_MARK);
    assert_refused(of_carol, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION, ACTION_PROBE);

    add_user("smokeping", SMOKEPING_UID);
    of_smokeping = fixture_connect(SMOKEPING_UID);
    polkit_install_rules(&polkit, EXAMPLES_DIR "/50-mtrpacketd-services.rules");
    assert_granted(of_smokeping, CALL_QUIET, "127.0.0.1", NULL);
    assert_refused(of_smokeping, CALL_QUIET, "127.0.0.1", "{'protocol': <'udp'>}",
                   ERROR_ACCESS_DENIED, "polkit says no");
    assert_refused(of_bob, CALL_QUIET, "127.0.0.1", NULL, ERROR_AUTHENTICATION, ACTION_PROBE);
    polkit_release(&polkit);

    fixture_disconnect(of_bob);
    fixture_disconnect(of_carol);
    fixture_disconnect(of_smokeping);
    user_process_end(&bob);
    user_process_end(&carol);
}

/* Where a rule keeps nothing, each probe is asked for, and each host at once. */
static void test_asked_each_time(void)
{
    static const char *const rules[] = {"return AUTH_SELF;", "return AUTH_ADMIN;"};
    GDBusConnection *connection;
    Fixture fixture = {.root = root};
    UserProcess alice;
    Polkit polkit;
    Agent agent;

    unit_configure(NULL, NULL);
    polkit_adopt(&polkit, root);
    user_process_log_in(&alice, "alice", SEAT);
    connection = user_process_connect(&alice);
    agent_start(&agent, &fixture, alice.pid, alice.uid, AGENT_YES);
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        unsigned before = agent.n_prompts;
        Answer answers[2];

        polkit_set_rules(&polkit, rules[i]);
        assert_granted(connection, CALL_INTERACTIVE, "127.0.0.1", NULL);
        assert_granted(connection, CALL_INTERACTIVE, "127.0.0.1", NULL);
        g_assert_cmpuint(agent.n_prompts, ==, before + 2);

        probe_start(&answers[0], connection, CALL_INTERACTIVE, "127.0.0.1", NULL);
        probe_start(&answers[1], connection, CALL_INTERACTIVE, "127.0.0.2", NULL);
        for (unsigned j = 0; j < 2; j++) {
            call_wait(&answers[j]);
            assert_result(&answers[j], "reply");
            answer_clear(&answers[j]);
        }
        g_assert_cmpuint(agent.n_prompts, ==, before + 4);
        g_assert_cmpuint(agent.n_open_max, ==, 1);
    }
    agent_end(&agent);
    polkit_release(&polkit);
    fixture_disconnect(connection);
    user_process_end(&alice);
}

/* polkit is started when there is something to ask, and where it cannot be, the answer is no. */
static void test_polkit(void)
{
    GDBusConnection *connection;
    UserProcess alice;

    unit_configure(NULL, NULL);
    user_process_log_in(&alice, "alice", SEAT);
    connection = user_process_connect(&alice);
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);
    run("systemctl", "restart", "polkit.service");
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);
    run("systemctl", "stop", "polkit.service");
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);

    run("systemctl", "stop", "polkit.service");
    run("systemctl", "mask", "polkit.service");
    assert_refused(connection, CALL_QUIET, "127.0.0.1", NULL, ERROR_ACCESS_DENIED, "polkit");
    assert_granted(root, CALL_QUIET, "127.0.0.1", NULL);
    run("systemctl", "unmask", "polkit.service");
    assert_granted(connection, CALL_QUIET, "127.0.0.1", NULL);

    fixture_disconnect(connection);
    user_process_end(&alice);
}

/* One user fills its quota on fifty connections: the others do not notice. */
static void test_quota(void)
{
    enum {
        CONNECTIONS = 50,
        CALLS = 22, /* of each: more than 1024 together */
    };
    Answer *answers = g_new0(Answer, CONNECTIONS * CALLS);
    GDBusConnection *of_bob[CONNECTIONS], *of_alice;
    unsigned n_refused = 0;
    UserProcess alice, bob;
    Polkit polkit;

    unit_configure(NULL, NULL);
    polkit_adopt(&polkit, root);
    polkit_set_rules(&polkit, "return YES;");
    dig_black_hole();
    user_process_log_in(&alice, "alice", SEAT);
    of_alice = user_process_connect(&alice);
    user_process_start(&bob, BOB_UID);
    /* dbus-daemon keeps no more than 512 calls for a service that it has yet to start */
    assert_granted(root, CALL_QUIET, "127.0.0.1", NULL);

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        of_bob[i] = user_process_connect(&bob);
        for (unsigned j = 0; j < CALLS; j++)
            call_start(&answers[i * CALLS + j], of_bob[i], "Probe",
                       probe_arguments("192.0.2.2", "{'protocol': <'tcp'>, 'timeout': <60>}"));
    }
    while (n_refused < CONNECTIONS * CALLS - 1024) {
        n_refused = 0;
        g_main_context_iteration(NULL, TRUE);
        for (unsigned i = 0; i < CONNECTIONS * CALLS; i++)
            n_refused += answers[i].done;
    }
    assert_granted(of_alice, CALL_QUIET, "127.0.0.1", "{'protocol': <'tcp'>, 'port': <9>}");
    assert_granted(of_alice, CALL_QUIET, "127.0.0.1", NULL);
    assert_granted(root, CALL_QUIET, "127.0.0.1", "{'protocol': <'tcp'>, 'port': <9>}");

    n_refused = 0;
    for (unsigned i = 0; i < CONNECTIONS * CALLS; i++) {
        if (!answers[i].done)
            continue;
        assert_error(&answers[i], ERROR_LIMITS_EXCEEDED, "1024");
        n_refused++;
    }
    g_assert_cmpuint(n_refused, ==, CONNECTIONS * CALLS - 1024);

    for (unsigned i = 0; i < CONNECTIONS; i++)
        fixture_disconnect(of_bob[i]);
    for (unsigned i = 0; i < CONNECTIONS * CALLS; i++) {
        call_wait(&answers[i]);
        answer_clear(&answers[i]);
    }
    g_free(answers);
    fixture_disconnect(of_alice);
    user_process_end(&alice);
    user_process_end(&bob);
    polkit_release(&polkit);
    fill_black_hole();
}

int main(int argc, char *argv[])
{
    int status;

    user_process_main(argc, argv);
    g_test_init(&argc, &argv, NULL);
    add_user("alice", ALICE_UID);
    add_user("bob", BOB_UID);
    add_user("carol", CAROL_UID);
    root = fixture_connect(0);
    unit_init(root);

    g_test_add_func("/machine-users/activation", test_activation);
    g_test_add_func("/machine-users/mtr", test_mtr);
    g_test_add_func("/machine-users/active", test_active);
    g_test_add_func("/machine-users/inactive", test_inactive);
    g_test_add_func("/machine-users/elsewhere", test_elsewhere);
    g_test_add_func("/machine-users/rules", test_rules);
    g_test_add_func("/machine-users/examples", test_examples);
    g_test_add_func("/machine-users/asked-each-time", test_asked_each_time);
    g_test_add_func("/machine-users/polkit", test_polkit);
    g_test_add_func("/machine-users/quota", test_quota);

    status = g_test_run();
    fixture_disconnect(root);
    return status;
}
