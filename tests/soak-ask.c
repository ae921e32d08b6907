/* SPDX-License-Identifier: MIT */

#include "soak-ask.h"

#include "network.h"

const SoakUser soak_users[SOAK_USERS] = {
    {0, "root", true, true},
    {4501, "soak-one", true, false},
    {4502, "soak-two", true, false},
    {4503, "soak-marks", true, true},
    {4504, "soak-more-marks", true, true},
    {4505, "soak-denied", false, false},
};

static const char *const addresses[PLACES][2] = {
    [PLACE_TARGET] = {NETWORK_TARGET_4, NETWORK_TARGET_6},
    [PLACE_ROUTER1] = {NETWORK_ROUTER1_4, NETWORK_ROUTER1_6},
    [PLACE_ROUTER2] = {NETWORK_ROUTER2_4, NETWORK_ROUTER2_6},
    [PLACE_HOLE] = {NETWORK_HOLE_4, NETWORK_HOLE_6},
    [PLACE_DEAD_END] = {"198.51.100.70", "2001:db8:3::7"},
    [PLACE_NO_WAY] = {"203.0.113.1", "2001:db8:a::1"},
    [PLACE_PROHIBITED] = {"203.0.113.2", "2001:db8:a::2"},
    [PLACE_LOOPBACK] = {"127.0.0.1", "::1"},
};

static const char *const protocols[] = {"icmp", "udp", "tcp", "sctp"};

const char *place_address(Place place, int ip_version)
{
    return addresses[place][ip_version == 6];
}

double ask_timeout(const Ask *ask)
{
    return ask->timeout > 0 ? ask->timeout : 10;
}

static bool chance(GRand *rand, double probability)
{
    return g_rand_double(rand) < probability;
}

static Place make_place(GRand *rand)
{
    static const Place places[] = {
        PLACE_TARGET,   PLACE_TARGET,  PLACE_TARGET,   PLACE_TARGET,     PLACE_TARGET,
        PLACE_ROUTER1,  PLACE_ROUTER2, PLACE_ROUTER2,  PLACE_HOLE,       PLACE_HOLE,
        PLACE_DEAD_END, PLACE_NO_WAY,  PLACE_LOOPBACK, PLACE_PROHIBITED,
    };

    return places[g_rand_int_range(rand, 0, G_N_ELEMENTS(places))];
}

static AskProtocol make_protocol(GRand *rand)
{
    static const AskProtocol all[] = {ASK_ICMP, ASK_ICMP, ASK_ICMP, ASK_UDP,
                                      ASK_UDP,  ASK_UDP,  ASK_TCP,  ASK_TCP};

    return chance(rand, 0.01) ? ASK_SCTP : all[g_rand_int_range(rand, 0, G_N_ELEMENTS(all))];
}

/* A fixed port of UDP stays below mtr-packet's own numbers: above, an answer may be lost to a probe
 * that has the number, which is a known limit. */
static void make_ports(Ask *ask, GRand *rand)
{
    static const unsigned tcp[] = {0, NETWORK_OPEN_PORT, NETWORK_CLOSED_PORT};

    if (ask->protocol == ASK_TCP)
        ask->port = tcp[g_rand_int_range(rand, 0, G_N_ELEMENTS(tcp))];
    if (ask->protocol != ASK_UDP)
        return;
    if (chance(rand, 0.3))
        ask->port = (unsigned)g_rand_int_range(rand, 1, 30000);
    else if (chance(rand, 0.2))
        ask->local_port = (unsigned)g_rand_int_range(rand, 20000, 30000);
}

static void make_timeout(Ask *ask, GRand *rand, bool whole_seconds)
{
    /* Nobody answers there: a long wait would only fill mtr-packet. */
    bool is_short = ask->place == PLACE_HOLE || chance(rand, 0.1);

    if (whole_seconds)
        ask->timeout = is_short ? 1 : g_rand_int_range(rand, 6, 10);
    else if (is_short)
        ask->timeout = g_rand_double_range(rand, 0.05, 1.5);
    else if (chance(rand, 0.7))
        ask->timeout = g_rand_double_range(rand, 6, 10);
}

/* Marks are for places that the detour's table has no other way to. */
static void make_mark(Ask *ask, GRand *rand, const SoakUser *user)
{
    static const uint32_t marks[] = {NETWORK_MARK, 9, 0xfffffffe};

    if (ask->place > PLACE_HOLE || !(user->may_mark ? chance(rand, 0.15) : chance(rand, 0.01)))
        return;
    ask->mark = marks[g_rand_int_range(rand, 0, G_N_ELEMENTS(marks))];
    if (ask->mark == NETWORK_MARK) {
        ask->ttl = chance(rand, 0.7) ? 1 : ask->ttl;
        if (ask->ttl != 1)
            ask->timeout = 1;
    }
}

void ask_make(Ask *ret, GRand *rand, const SoakUser *user, bool whole_seconds)
{
    static const unsigned ttls[] = {1, 2, 3, 255, 0};
    Ask ask = {
        .protocol = make_protocol(rand),
        .place = make_place(rand),
        .ip_version = chance(rand, 0.5) ? 4 : 6,
        .ttl = ttls[g_rand_int_range(rand, 0, G_N_ELEMENTS(ttls))],
        .size = -1,
        .tos = -1,
        .pattern = -1,
    };

    ask.by_name = ask.place == PLACE_TARGET && !whole_seconds && chance(rand, 0.03);
    make_ports(&ask, rand);
    make_timeout(&ask, rand, whole_seconds);
    make_mark(&ask, rand, user);
    if ((ask.protocol == ASK_ICMP || ask.protocol == ASK_UDP) && chance(rand, 0.2))
        ask.size = g_rand_int_range(rand, 0, 1400);
    if (chance(rand, 0.1))
        ask.tos = g_rand_int_range(rand, 0, 256);
    if (chance(rand, 0.2))
        ask.pattern = g_rand_int_range(rand, 0, 256);
    if (ask.place <= PLACE_HOLE && chance(rand, 0.15))
        ask.local_ip = chance(rand, 0.5)
                           ? (ask.ip_version == 4 ? NETWORK_HOST_4 : NETWORK_HOST_6)
                           : (ask.ip_version == 4 ? NETWORK_SECOND_4 : NETWORK_SECOND_6);
    *ret = ask;
}

/*
 * As a call
 */

static int append_number(sd_bus_message *message, const char *key, unsigned value)
{
    return sd_bus_message_append(message, "{sv}", key, "u", value);
}

int ask_append(const Ask *ask, sd_bus_message *message)
{
    int r;

    r = sd_bus_message_append(message, "s",
                              ask->by_name ? ASK_NAME : place_address(ask->place, ask->ip_version));
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "{sv}");
    if (r >= 0 && ask->by_name)
        r = sd_bus_message_append(message, "{sv}", "ip_version", "y", ask->ip_version);
    if (r >= 0 && ask->protocol != ASK_ICMP)
        r = sd_bus_message_append(message, "{sv}", "protocol", "s", protocols[ask->protocol]);
    if (r >= 0 && ask->ttl > 0)
        r = append_number(message, "ttl", ask->ttl);
    if (r >= 0 && ask->port > 0)
        r = append_number(message, "port", ask->port);
    if (r >= 0 && ask->local_port > 0)
        r = append_number(message, "local_port", ask->local_port);
    if (r >= 0 && ask->size >= 0)
        r = append_number(message, "size", (unsigned)ask->size);
    if (r >= 0 && ask->tos >= 0)
        r = append_number(message, "tos", (unsigned)ask->tos);
    if (r >= 0 && ask->pattern >= 0)
        r = append_number(message, "bit_pattern", (unsigned)ask->pattern);
    if (r >= 0 && ask->mark > 0)
        r = append_number(message, "mark", ask->mark);
    if (r >= 0 && ask->timeout > 0)
        r = sd_bus_message_append(message, "{sv}", "timeout", "d", ask->timeout);
    if (r >= 0 && ask->local_ip)
        r = sd_bus_message_append(message, "{sv}", "local_ip", "s", ask->local_ip);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/*
 * As a command
 */

char *ask_command(const Ask *ask)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "send-probe ip-%d %s protocol %s", ask->ip_version,
                           place_address(ask->place, ask->ip_version), protocols[ask->protocol]);
    if (ask->ttl > 0)
        g_string_append_printf(text, " ttl %u", ask->ttl);
    if (ask->port > 0)
        g_string_append_printf(text, " port %u", ask->port);
    if (ask->local_port > 0)
        g_string_append_printf(text, " local-port %u", ask->local_port);
    if (ask->size >= 0)
        g_string_append_printf(text, " size %d", ask->size);
    if (ask->tos >= 0)
        g_string_append_printf(text, " tos %d", ask->tos);
    if (ask->pattern >= 0)
        g_string_append_printf(text, " bit-pattern %d", ask->pattern);
    if (ask->mark > 0)
        g_string_append_printf(text, " mark %u", ask->mark);
    if (ask->timeout > 0)
        g_string_append_printf(text, " timeout %.0f", ask->timeout);
    if (ask->local_ip)
        g_string_append_printf(text, " local-ip-%d %s", ask->ip_version, ask->local_ip);
    return g_string_free(text, FALSE);
}

char *ask_text(const Ask *ask)
{
    g_autofree char *command = ask_command(ask);

    return g_strdup_printf("%s (timeout %.3f%s)", command, ask_timeout(ask),
                           ask->by_name ? ", by name" : "");
}
