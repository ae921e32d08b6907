/* SPDX-License-Identifier: MIT */

/*
 * The same commands to a bare mtr-packet and to the bridge, one by one: the same replies, but for
 * times, and for what the service refuses. Each difference is in a list here, with its reason.
 */

#include <string.h>

#include "quota-scene.h"
#include "user-program.h"

/* At least so many commands are compared. */
#define COMMANDS_MIN 500

/* Why a command is answered otherwise, by what it has in it: the first that fits counts. */
typedef struct Difference {
    const char *pattern; /* a regular expression */
    const char *reply;   /* the service's, behind the token */
    const char *reason;
} Difference;

#define OUT_OF_RANGE "mtr-packet takes it silently, and sends something else"
#define NO_SINGLE_HOST "a probe goes to a single host"

static const Difference differences[] = {
    {" ttl (0|256|-1|300)( |$)", "invalid-argument reason ttl-out-of-range", OUT_OF_RANGE},
    {" timeout (-5|61)( |$)", "invalid-argument reason timeout-out-of-range", OUT_OF_RANGE},
    {"(icmp|udp).* size -5( |$)", "invalid-argument reason size-out-of-range", OUT_OF_RANGE},
    {"(icmp|udp).* size 9001( |$)", "invalid-argument reason size-out-of-range",
     "the same without its reason"},
    {" tos (999|-1)( |$)", "invalid-argument reason tos-out-of-range", OUT_OF_RANGE},
    {"(udp|tcp|sctp).* port (70000|-1)( |$)", "invalid-argument reason port-out-of-range",
     OUT_OF_RANGE},
    {"udp.* local-port 70000( |$)", "invalid-argument reason local-port-out-of-range",
     OUT_OF_RANGE},
    {" mark 4294967296( |$)", "invalid-argument reason mark-out-of-range", OUT_OF_RANGE},
    {"sctp.* ip-4 (localhost|::1)( |$)", "invalid-argument",
     "mtr-packet looks at the protocol before the address"},
    {"sctp.* ip-6 (localhost|127.0.0.1)( |$)", "invalid-argument",
     "mtr-packet looks at the protocol before the address"},
    {" ip-4 (0.0.0.0|224.0.0.1|255.255.255.255)( |$)",
     "invalid-argument reason address-not-supported", NO_SINGLE_HOST},
    {" ip-6 (::|ff02::1|::ffff:127.0.0.1)( |$)", "invalid-argument reason address-not-supported",
     NO_SINGLE_HOST},
    {" ip-6 ::1 .*udp.* port 7 local-port 2000( |$)", "invalid-argument reason ports-not-supported",
     "mtr-packet never sees the answer"},
    {" local-ip-[46] (10.1.2.3|224.0.0.1|0.0.0.0|2001:db8::5|ff02::1)( |$)", "permission-denied",
     "a source that is not this machine's"},
    {" mark (7|-1|4294967295)( |$)", "permission-denied",
     "marks have an authorisation of their own"},
};

/* What is put together to commands, each with a token of its own. */
static const char *const targets[] = {
    "ip-4 127.0.0.1", "ip-6 ::1", "ip-4 127.0.0.2", "ip-4 localhost", "ip-6 127.0.0.1",
};
static const char *const protocols[] = {"icmp", "udp", "tcp", "sctp", "gre"};
static const char *const options[] = {
    "",
    "ttl 1",
    "ttl 0",
    "ttl 256",
    "ttl x",
    "ttl 64 ttl 5",
    "timeout 1 ttl -1",
    "timeout 1x",
    "timeout -5",
    "size 28 bit-pattern 255",
    "size 100 size 200",
    "size -5",
    "size 9001",
    "bit-pattern -300 tos 16",
    "tos 999",
    "port 7",
    "port 0",
    "port 70000 timeout 1",
    "local-port 1023",
    "local-port 2000",
    "port 7x",
    "mark 7",
    "mark 0",
    "what ever",
};

/* As they are; %u is the token. */
static const char *const single[] = {
    "%u",
    "%u check-support",
    "%u check-support feature",
    "%u check-support feature version",
    "%u check-support feature ip-4",
    "%u check-support feature ip-6",
    "%u check-support feature send-probe",
    "%u check-support feature icmp",
    "%u check-support feature udp",
    "%u check-support feature tcp",
    "%u check-support feature sctp",
    "%u check-support feature mark",
    "%u check-support feature nonsense",
    "%u check-support feature ICMP",
    "%u check-support feature a_b",
    "%u check-support feature zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "%u check-support features ip-4",
    "%u check-support what ever feature udp feature nonsense",
    "%u check-support feature nonsense feature udp",
    "%u \t check-support\v feature \f version \r",
    "\t%u check-support feature version",
    "%u Check-Support feature version",
    "%u nonsense",
    "%u nonsense a",
    "%u nonsense a b",
    "%u nonsense a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f",
    "%u nonsense a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g",
    "%u nonsense a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h",
    "%u send-probe",
    "%u send-probe ttl 5",
    "%u send-probe ip-4",
    "%u send-probe 127.0.0.1",
    "%u send-probe local-ip-4 127.0.0.1",
    "%u send-probe ip-4 127.0.0.1 ip-6 ::1",
    "%u send-probe ip-6 ::1 ip-4 127.0.0.1",
    "%u send-probe ip-6 ::1 ip-4 ::1",
    "%u send-probe ip-4 127.1",
    "%u send-probe ip-4 127.0.0.01",
    "%u send-probe ip-6 0:0:0:0:0:0:0:1",
    "%u send-probe ip-6 fe80::1%%lo",
    "%u send-probe ip-4 0.0.0.0 timeout 1",
    "%u send-probe ip-4 224.0.0.1 timeout 1",
    "%u send-probe ip-4 255.255.255.255 timeout 1",
    "%u send-probe ip-6 :: timeout 1",
    "%u send-probe ip-6 ff02::1 timeout 1",
    "%u send-probe ip-6 ::ffff:127.0.0.1 timeout 1",
    "%u send-probe ip-4 192.0.2.2 timeout 1",
    "%u send-probe ip-6 2001:db8::2 timeout 1",
    "%u send-probe ip-4 192.0.2.2 timeout 1 protocol udp",
    "%u send-probe ip-4 192.0.2.2 timeout 1 protocol tcp",
    "%u send-probe ip-4 198.51.100.1",
    "%u send-probe ip-6 2001:db8:1::1 protocol tcp",
    "%u send-probe ip-4 127.0.0.1 timeout 61",
    "%u send-probe ip-4 127.0.0.1 timeout 60",
    "%u send-probe ip-4 127.0.0.1 ttl 255",
    "%u send-probe ip-4 127.0.0.1 ttl 300",
    "%u send-probe ip-4 127.0.0.1 ttl +7",
    "%u send-probe ip-4 127.0.0.1 ttl -",
    "%u send-probe ip-4 127.0.0.1 ttl 0x10",
    "%u send-probe ip-4 127.0.0.1 tos -1",
    "%u send-probe ip-4 127.0.0.1 mark -1",
    "%u send-probe ip-4 127.0.0.1 mark 4294967295",
    "%u send-probe ip-4 127.0.0.1 mark 4294967296",
    "%u send-probe ip-4 127.0.0.1 mark x",
    "%u send-probe protocol udp port -1 ip-4 127.0.0.1",
    "%u send-probe protocol udp local-port 70000 ip-4 127.0.0.1 timeout 1",
    "%u send-probe protocol udp local-port -1 ip-4 127.0.0.1",
    "%u send-probe protocol udp local-port 2000 port 7 ip-4 127.0.0.1",
    "%u send-probe protocol tcp local-port 2000 port 7 ip-4 127.0.0.1",
    "%u send-probe ip-6 ::1 protocol udp timeout 1 port 7 local-port 2000",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 127.0.0.1",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 127.0.0.9",
    "%u send-probe ip-4 127.0.0.1 local-ip-6 127.0.0.1",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 ::1",
    "%u send-probe ip-6 ::1 local-ip-4 127.0.0.1",
    "%u send-probe ip-6 ::1 local-ip-6 ::1",
    "%u send-probe ip-6 ::1 local-ip-6 ::1 protocol tcp",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 localhost",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 10.1.2.3 timeout 1",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 10.1.2.3 protocol tcp",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 10.1.2.3 protocol udp timeout 1",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 224.0.0.1 timeout 1",
    "%u send-probe ip-4 127.0.0.1 local-ip-4 0.0.0.0 timeout 1",
    "%u send-probe ip-6 ::1 local-ip-6 2001:db8::5 timeout 1",
    "%u send-probe ip-6 ::1 local-ip-6 ff02::1 timeout 1",
    "-%u nonsense",
    "+%u nonsense",
    "%ux nonsense",
    "x%u nonsense",
    "9999999999%u nonsense",
    "99999999999999999999%u nonsense",
    "0x%u nonsense",
    "",
    " ",
    "\r",
    "nonsense",
    "nonsense nonsense",
    "\x80\xff \xc3\xa4",
};

typedef struct Side {
    StreamClient client;
    GPid pid;
} Side;

typedef struct Scene {
    Side bare, bridge;
    GRegex *times;
    unsigned n, n_different;
    unsigned n_seen[G_N_ELEMENTS(differences)];
} Scene;

/* A reply without its times. */
static char *timeless(const Scene *scene, char *line)
{
    char *result;

    g_assert_nonnull(line);
    result = g_regex_replace_literal(scene->times, line, -1, 0, "round-trip-time T", 0, NULL);
    g_free(line);
    return result;
}

/* What is said about a difference that is in no list. */
static void show(const char *command, const char *bare, const char *bridge)
{
    g_autofree char *shown = g_strescape(command, NULL);

    g_error("\"%s\" is answered \"%s\" by mtr-packet, and \"%s\" by the service", shown, bare,
            bridge);
}

static const Difference *find_difference(Scene *scene, const char *command)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(differences); i++) {
        if (g_regex_match_simple(differences[i].pattern, command, G_REGEX_RAW, 0)) {
            scene->n_seen[i]++;
            return &differences[i];
        }
    }
    return NULL;
}

/* Compares what is replied to one command, or to a part of one. */
static void compare(Scene *scene, const char *command)
{
    g_autofree char *bare = timeless(scene, stream_line(&scene->bare.client));
    g_autofree char *bridge = timeless(scene, stream_line(&scene->bridge.client));
    const Difference *difference;
    const char *reply;

    scene->n++;
    if (strcmp(bare, bridge) == 0)
        return;
    scene->n_different++;
    difference = find_difference(scene, command);
    reply = strchr(bridge, ' ');
    if (!difference || !reply || strcmp(reply + 1, difference->reply) != 0)
        show(command, bare, bridge);
}

static void say(Scene *scene, const char *command)
{
    stream_say(&scene->bare.client, "%s\n", command);
    stream_say(&scene->bridge.client, "%s\n", command);
    compare(scene, command);
}

static void scene_start(Scene *scene)
{
    const char *const bare[] = {"mtr-packet", NULL};
    const char *const bridge[] = {fixture_program("TEST_BRIDGE", "mtrpacket-bridge"), NULL};

    *scene = (Scene){.times = g_regex_new("round-trip-time [0-9]+", G_REGEX_RAW, 0, NULL)};
    scene->bare.pid = user_spawn(0, bare, &scene->bare.client, NULL);
    scene->bridge.pid = user_spawn(FIRST, bridge, &scene->bridge.client, NULL);
}

static void side_end(Side *side)
{
    stream_shut(&side->client);
    stream_expect_end(&side->client);
    g_assert_cmpint(user_wait(side->pid), ==, 0);
    stream_client_clear(&side->client);
}

static void test_commands(void)
{
    unsigned token = 1;
    Polkit polkit;
    Scene scene;

    dig_black_hole();
    quota_start(&polkit, NULL, NULL);
    polkit_set_rules(&polkit, "return action.id == '" ACTION_PROBE "' ? YES : NO;");
    scene_start(&scene);

    for (unsigned i = 0; i < G_N_ELEMENTS(single); i++) {
        g_autofree char *number = g_strdup_printf("%u", token++);
        g_auto(GStrv) parts = g_strsplit(single[i], "%u", -1);
        g_autofree char *joined = g_strjoinv(number, parts);
        g_auto(GStrv) percents = g_strsplit(joined, "%%", -1);
        g_autofree char *command = g_strjoinv("%", percents);

        say(&scene, command);
    }
    for (unsigned t = 0; t < G_N_ELEMENTS(targets); t++)
        for (unsigned p = 0; p < G_N_ELEMENTS(protocols); p++)
            for (unsigned o = 0; o < G_N_ELEMENTS(options); o++) {
                g_autofree char *command =
                    g_strdup_printf("%u send-probe protocol %s %s %s", token++, protocols[p],
                                    targets[t], options[o]);

                say(&scene, command);
            }

    g_assert_cmpuint(scene.n, >=, COMMANDS_MIN);
    g_test_message("%u commands, %u of them answered otherwise", scene.n, scene.n_different);
    for (unsigned i = 0; i < G_N_ELEMENTS(differences); i++) {
        g_test_message("%3u %s, for %s: %s", scene.n_seen[i], differences[i].reply,
                       differences[i].pattern, differences[i].reason);
        g_assert_cmpuint(scene.n_seen[i], >, 0);
    }
    side_end(&scene.bare);
    side_end(&scene.bridge);
    g_regex_unref(scene.times);
    quota_stop(&polkit);
    fill_black_hole();
}

/* Lines about as long as what mtr-packet can hold, and longer. */
static void test_long(void)
{
    Polkit polkit;
    Scene scene;

    quota_start(&polkit, NULL, NULL);
    scene_start(&scene);
    for (unsigned length = 4090; length <= 4100; length++) {
        g_autofree char *letters = g_strnfill(length, 'x');
        g_autofree char *spaces = g_strdup_printf("7 nonsense%*s", (int)length - 10, "");

        say(&scene, letters);
        if (length > 4094)
            compare(&scene, letters);
        say(&scene, spaces);
        if (length > 4094)
            compare(&scene, spaces);
    }
    for (unsigned length = 8188; length <= 8192; length++) {
        g_autofree char *letters = g_strdup_printf("%0*d nonsense", (int)length, 0);

        say(&scene, letters);
        compare(&scene, letters);
        compare(&scene, letters);
    }
    g_assert_cmpuint(scene.n_different, ==, 0);
    side_end(&scene.bare);
    side_end(&scene.bridge);
    g_regex_unref(scene.times);
    quota_stop(&polkit);
}

static void add_tests(void)
{
    g_test_add_func("/differential/commands", test_commands);
    g_test_add_func("/differential/long", test_long);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add_tests);
}
