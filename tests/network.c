/* SPDX-License-Identifier: MIT */

#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

/* The names of interfaces are those of the nodes they lead to. The swallowed packets go to
 * neighbours that are no more than an entry in a table. */
static const struct {
    const char *name;
    const char *links; /* input of ip, before there are addresses anywhere */
    const char *addresses;
} nodes[] = {
    {"router1",
     "link set host up\n"
     "link add router2 type veth peer name router1 netns router2\n"
     "link set router2 up\n",
     "addr add 192.0.2.2/24 dev host\n"
     "addr add 2001:db8:1::2/64 dev host nodad\n"
     "addr add 198.51.100.1/26 dev router2\n"
     "addr add 2001:db8:2::1/64 dev router2 nodad\n"
     "route add default via 198.51.100.2\n"
     "route add default via 2001:db8:2::2\n"},
    {"router2",
     "link set router1 up\n"
     "link add target type veth peer name router2 netns target\n"
     "link set target up\n",
     "addr add 198.51.100.2/26 dev router1\n"
     "addr add 2001:db8:2::2/64 dev router1 nodad\n"
     "addr add 198.51.100.65/26 dev target\n"
     "addr add 2001:db8:3::1/64 dev target nodad\n"
     "route add default via 198.51.100.1\n"
     "route add default via 2001:db8:2::1\n"
     "neigh add " NETWORK_HOLE_4 " lladdr 02:00:00:00:00:0f dev target nud permanent\n"
     "neigh add " NETWORK_HOLE_6 " lladdr 02:00:00:00:00:0f dev target nud permanent\n"},
    {"target", "link set router2 up\n",
     "addr add " NETWORK_TARGET_4 "/26 dev router2\n"
     "addr add " NETWORK_TARGET_6 "/64 dev router2 nodad\n"
     "route add default via 198.51.100.65\n"
     "route add default via 2001:db8:3::1\n"},
    {"detour",
     "link set host up\n"
     "link add nowhere type veth peer name bottom\n"
     "link set nowhere up\n"
     "link set bottom up\n",
     "addr add " NETWORK_DETOUR_4 "/26 dev host\n"
     "addr add " NETWORK_DETOUR_6 "/64 dev host nodad\n"
     "route add 192.0.2.0/24 via 198.51.100.129\n"
     "route add 2001:db8:1::/64 via 2001:db8:4::1\n"
     "addr add 198.51.100.193/26 dev nowhere\n"
     "addr add 2001:db8:5::1/64 dev nowhere nodad\n"
     "neigh add 198.51.100.194 lladdr 02:00:00:00:00:0f dev nowhere nud permanent\n"
     "neigh add 2001:db8:5::2 lladdr 02:00:00:00:00:0f dev nowhere nud permanent\n"
     "route add default via 198.51.100.194\n"
     "route add default via 2001:db8:5::2\n"},
};

static const char host_links[] = "link add router1 type veth peer name host netns router1\n"
                                 "link add detour type veth peer name host netns detour\n"
                                 "link set router1 up\n"
                                 "link set detour up\n";

/* The marked have the source address of the others: that they are told apart is not to depend on
 * it. */
static const char host_addresses[] =
    "addr add " NETWORK_HOST_4 "/24 brd + dev router1\n"
    "addr add " NETWORK_SECOND_4 "/24 brd + dev router1\n"
    "addr add " NETWORK_HOST_6 "/64 dev router1 nodad\n"
    "addr add " NETWORK_SECOND_6 "/64 dev router1 nodad\n"
    "addr add 198.51.100.129/26 dev detour\n"
    "addr add 2001:db8:4::1/64 dev detour nodad\n"
    "route add default via " NETWORK_ROUTER1_4 " src " NETWORK_HOST_4 "\n"
    "route add default via " NETWORK_ROUTER1_6 " src " NETWORK_HOST_6 "\n"
    "route add default via " NETWORK_DETOUR_4 " src " NETWORK_HOST_4 " table 100\n"
    "route add default via " NETWORK_DETOUR_6 " src " NETWORK_HOST_6 " table 100\n";

/* Answers come back another way than the probe went; addresses are good at once; no ICMP is held
 * back. The mask says to which types the limits apply, in kernels old and new. */
static const char *const sysctls[][2] = {
    {"ipv4/conf/all/rp_filter", "0"},    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv6/conf/all/accept_dad", "0"},   {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/all/disable_ipv6", "0"}, {"ipv6/conf/default/disable_ipv6", "0"},
    {"ipv4/icmp_ratelimit", "0"},        {"ipv4/icmp_ratemask", "0"},
    {"ipv6/icmp/ratelimit", "0"},        {"ipv6/icmp/ratemask", "\n"},
};

/* Listens on NETWORK_OPEN_PORT of the target. */
static int listener = -1;

static void run(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    if (fixture_command((const char *const *)argv, NULL, NULL) != 0)
        g_error("%s: failed", line);
}

static void run_ip(const char *input)
{
    static const char file[] = "/run/network.ip";
    const char *const argv[] = {"ip", "-batch", file, NULL};

    g_assert_true(g_file_set_contents(file, input, -1, NULL));
    if (fixture_command(argv, NULL, NULL) != 0)
        g_error("ip: failed");
}

/* Takes this thread, and what it starts, to another node. Returns what leave() wants. */
static int enter(const char *node)
{
    g_autofree char *path = g_build_filename("/run/netns", node, NULL);
    int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(before, >=, 0);
    g_assert_cmpint(there, >=, 0);
    g_assert_cmpint(setns(there, CLONE_NEWNET), ==, 0);
    close(there);
    return before;
}

static void leave(int before)
{
    g_assert_cmpint(setns(before, CLONE_NEWNET), ==, 0);
    close(before);
}

void network_run(const char *node, const char *line)
{
    int before = enter(node);

    run(line);
    leave(before);
}

void network_sysctl(const char *path, const char *value)
{
    g_autofree char *file = g_build_filename("/proc/sys/net", path, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents_full(file, value, -1, G_FILE_SET_CONTENTS_NONE, 0644, &error);
    g_assert_no_error(error);
}

static void set_sysctls(bool router)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sysctls); i++)
        network_sysctl(sysctls[i][0], sysctls[i][1]);
    if (router) {
        network_sysctl("ipv4/ip_forward", "1");
        network_sysctl("ipv6/conf/all/forwarding", "1");
    }
}

/* Takes IPv4 too. */
static int listen_on(uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, SOMAXCONN), ==, 0);
    return fd;
}

/* Returns when there was an answer to TCP from ADDRESS, of whatever kind: an interface takes a
 * moment to be ready, and drops what comes before, which TCP sends again. */
static void reach(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(NETWORK_OPEN_PORT)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(NETWORK_OPEN_PORT)};
    bool is_4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
    int fd, r;

    g_assert_true(is_4 || inet_pton(AF_INET6, address, &in6.sin6_addr) == 1);
    do {
        fd = socket(is_4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(fd, >=, 0);
        r = is_4 ? connect(fd, (struct sockaddr *)&in, sizeof(in))
                 : connect(fd, (struct sockaddr *)&in6, sizeof(in6));
        r = r < 0 ? errno : 0;
        close(fd);
    } while (r == EHOSTUNREACH); /* the neighbour was not ready for some seconds */
    if (r != 0 && r != ECONNREFUSED)
        g_error("%s cannot be reached: %s", address, g_strerror(r));
}

void network_up(void)
{
    int before;

    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *add = g_strdup_printf("ip netns add %s", nodes[i].name);

        run(add);
        before = enter(nodes[i].name);
        set_sysctls(strcmp(nodes[i].name, "target") != 0);
        leave(before);
    }
    set_sysctls(false);

    run_ip(host_links);
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        before = enter(nodes[i].name);
        run_ip(nodes[i].links);
        leave(before);
    }

    run_ip(host_addresses);
    run("ip -4 rule add fwmark " G_STRINGIFY(NETWORK_MARK) " lookup 100");
    run("ip -6 rule add fwmark " G_STRINGIFY(NETWORK_MARK) " lookup 100");
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        before = enter(nodes[i].name);
        run_ip(nodes[i].addresses);
        leave(before);
    }

    before = enter("target");
    listener = listen_on(NETWORK_OPEN_PORT);
    leave(before);

    reach(NETWORK_TARGET_4);
    reach(NETWORK_TARGET_6);
    reach(NETWORK_DETOUR_4);
    reach(NETWORK_DETOUR_6);
}

bool network_accept(void)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    int fd = poll(&ready, 1, 0) == 1 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* Runs a command that has nothing to do where there is no network. */
static void try_run(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autofree char *ignored = NULL;

    fixture_command((const char *const *)argv, NULL, &ignored);
}

void network_down(void)
{
    if (listener >= 0)
        close(listener);
    listener = -1;

    /* An interface takes its peer, its addresses and its routes along. A namespace lives on as long
     * as there are sockets in it, but without a name and a link nobody notices. */
    try_run("ip link del router1");
    try_run("ip link del detour");
    try_run("ip -4 rule del lookup 100");
    try_run("ip -6 rule del lookup 100");
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *del = g_strdup_printf("ip netns del %s", nodes[i].name);

        try_run(del);
    }
    try_run("nft delete table inet count");
}

/*
 * Counters
 */

static void run_nft(const char *input, char **ret_out)
{
    const char *const argv[] = {"nft", input, NULL};

    if (fixture_command(argv, ret_out, NULL) != 0)
        g_error("nft %s: failed", input);
}

void network_count_start(const char *name, const char *format, ...)
{
    g_autofree char *match = NULL, *input = NULL;
    va_list arguments;

    va_start(arguments, format);
    match = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    input = g_strdup_printf(
        "add table inet count; "
        "add chain inet count leaving { type filter hook postrouting priority 0; }; "
        "add counter inet count %s; "
        "add rule inet count leaving %s counter name %s",
        name, match, name);
    run_nft(input, NULL);
}

uint64_t network_count(const char *name)
{
    g_autofree char *input = g_strdup_printf("list counter inet count %s", name);
    g_autofree char *out = NULL;
    const char *packets;
    unsigned long long n;

    run_nft(input, &out);
    packets = strstr(out, "packets ");
    g_assert_nonnull(packets);
    g_assert_cmpint(sscanf(packets, "packets %llu", &n), ==, 1);
    return n;
}
