/* SPDX-License-Identifier: MIT */

#include "soak-truth.h"

#include <math.h>
#include <string.h>

#include "network.h"

#define ERROR_NO_MEMORY "org.freedesktop.DBus.Error.NoMemory"

/* What is within a probe's life on a loaded machine: whether an answer that takes no time is in
 * time for less than this is for the machine to say, in seconds. */
#define SURE_TIMEOUT 2.5

/* How much earlier than its timeout a probe may be given up, in seconds: what the two clocks of
 * service and mtr-packet may be apart in reading, see packet_reply_distrust(). */
#define EARLY 0.011

/* How long polkit is waited for, --answer-timeout=, less what a clock may differ. */
#define POLKIT_WAIT 19.9

static bool is_one_of(const char *word, const char *const words[])
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/*
 * What is right
 */

typedef struct Truth {
    const char *error;
    const char *word;
    const char *responder;
    bool or_nobody; /* the kernel may tell mtr-packet of it, and not of who has said it */
} Truth;

static const char *pick(int ip_version, const char *ipv4, const char *ipv6)
{
    return ip_version == 4 ? ipv4 : ipv6;
}

/* With the mark that the host's rule sends to the detour, which loses what it is to pass on. */
static Truth truth_of_detour(const Ask *ask)
{
    if (ask->ttl == 1)
        return (Truth){.word = "ttl-expired",
                       .responder = pick(ask->ip_version, NETWORK_DETOUR_4, NETWORK_DETOUR_6)};
    return (Truth){.word = "no-reply", .responder = ""};
}

static Truth truth_of_path(const Ask *ask)
{
    unsigned ttl = ask->ttl > 0 ? ask->ttl : 255;
    int v = ask->ip_version;

    if (ask->place == PLACE_LOOPBACK)
        return (Truth){.word = "reply", .responder = place_address(ask->place, v)};
    if (ask->place == PLACE_NO_WAY)
        return (Truth){.word = "no-route", .responder = ""};
    if (ask->place == PLACE_PROHIBITED) /* so mtr-packet says it */
        return (Truth){.word = "invalid-argument", .responder = ""};
    if (ask->mark == NETWORK_MARK)
        return truth_of_detour(ask);
    if (ask->place == PLACE_ROUTER1)
        return (Truth){.word = "reply", .responder = place_address(ask->place, v)};
    if (ttl == 1)
        return (Truth){.word = "ttl-expired", .responder = place_address(PLACE_ROUTER1, v)};
    if (ask->place == PLACE_ROUTER2)
        return (Truth){.word = "reply", .responder = place_address(ask->place, v)};
    if (ask->place == PLACE_DEAD_END) /* the router looks for a way before it counts the hop */
        return (Truth){.word = "no-route",
                       .responder = place_address(PLACE_ROUTER2, v),
                       .or_nobody = ask->protocol == ASK_TCP};
    if (ttl == 2)
        return (Truth){.word = "ttl-expired", .responder = place_address(PLACE_ROUTER2, v)};
    if (ask->place == PLACE_HOLE)
        return (Truth){.word = "no-reply", .responder = ""};
    return (Truth){.word = "reply", .responder = place_address(ask->place, v)};
}

static Truth truth(const Ask *ask, const SoakUser *user)
{
    if (!user->may_probe || (ask->mark > 0 && !user->may_mark))
        return (Truth){.error = ERROR_ACCESS_DENIED};
    if (ask->protocol == ASK_SCTP &&
        ask->place != PLACE_NO_WAY) /* the kernels that this was made on have none */
        return (Truth){.word = "invalid-argument", .responder = ""};
    return truth_of_path(ask);
}

/*
 * What is right in a fault
 */

bool truth_is_gone(const char *error)
{
    static const char *const names[] = {
        "org.freedesktop.DBus.Error.NoReply", /* it has left, or ended, with the call */
        "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.Disconnected", NULL};

    return is_one_of(error, names);
}

/* Whether a fault explains an error. */
static bool explains_error(const Said *said, double waited, uint32_t faults)
{
    const char *error = said->error;
    uint32_t bits = 0;

    if (truth_is_gone(error))
        bits = TRUTH_ENDS;
    else if (strcmp(error, ERROR_CANCELLED) == 0) /* the service says so when it ends */
        bits = TRUTH_ENDS;
    else if (strcmp(error, ERROR_PROCESS) == 0)
        bits = TRUTH_PACKET_FAULTS | FAULT_BIT(FAULT_MEMORY);
    else if (strcmp(error, ERROR_NO_MEMORY) == 0)
        bits = FAULT_BIT(FAULT_MEMORY);
    else if (strcmp(error, ERROR_HOST_RESOLVE) == 0) /* there is no thread to look a name up */
        bits = FAULT_BIT(FAULT_FORK) | FAULT_BIT(FAULT_MEMORY);
    else if (strcmp(error, ERROR_ACCESS_DENIED) == 0) {
        bits = FAULT_BIT(FAULT_POLKIT_GONE);
        if (!said->message) /* a stream is told so, too, of what polkit was asked at the end */
            bits |= TRUTH_ENDS;
        if (waited > POLKIT_WAIT) /* it is said when polkit has not answered for so long */
            bits |= FAULT_BIT(FAULT_POLKIT_STOP);
    }
    return faults & bits;
}

/* Those faults of the way that the probe goes. */
static uint32_t faults_on_way(const Ask *ask)
{
    uint32_t bits = 0;

    if (ask->place == PLACE_LOOPBACK || ask->place == PLACE_ROUTER1)
        return 0; /* no route is needed */
    /* The marked have another table; but mtr-packet asks for a source without the mark. */
    if (ask->mark == NETWORK_MARK && ask->local_ip)
        return 0;
    bits |= FAULT_BIT(FAULT_ROUTE);
    if (ask->place == PLACE_TARGET)
        bits |= FAULT_BIT(FAULT_REJECT);
    if (ask->ttl != 1 && ask->mark != NETWORK_MARK)
        bits |= FAULT_BIT(FAULT_LINK);
    return bits;
}

/* Whether a fault explains that a packet was lost. */
static bool explains_loss(const Ask *ask, uint32_t faults)
{
    /* An mtr-packet that stands still reads nothing, and gives probes up when it goes on. */
    uint32_t bits = FAULT_BIT(FAULT_STOP) | FAULT_BIT(FAULT_RUSH);

    if (ask->place != PLACE_LOOPBACK)
        bits |= FAULT_BIT(FAULT_LOSS);
    return faults & (bits | (faults_on_way(ask) & FAULT_BIT(FAULT_LINK)));
}

/* Whether a fault explains that there was no way. Which word that is depends on the protocol, and
 * on what kind of route there is instead; a router that knows of it says who it is. */
static bool explains_no_way(const Ask *ask, const Said *said, uint32_t faults)
{
    static const char *const words[] = {"no-route",         "no-route-host",    "network-down",
                                        "invalid-argument", "unexpected-error", NULL};
    uint32_t felt = faults & faults_on_way(ask);

    if (!is_one_of(said->word, words))
        return false;
    if (!*said->responder)
        return felt;
    return (felt & FAULT_BIT(FAULT_LINK)) &&
           strcmp(said->responder, place_address(PLACE_ROUTER1, ask->ip_version)) == 0;
}

/* What of a result must hold whatever the network does. */
static const char *what_cannot_be(const Ask *ask, const Said *said, double waited)
{
    if (said->success != (strcmp(said->word, "reply") == 0))
        return "success only with a reply";
    if (said->labels)
        return "no MPLS, which is nowhere on the network";
    if (said->address && strcmp(said->address, place_address(ask->place, ask->ip_version)) != 0)
        return "the address that was asked for";
    if (!isnan(said->time_ms) && !(said->time_ms > 0))
        return "a time that is more than nothing";
    if (!isnan(said->time_ms) && fabs(said->time_ms * 1000 - rint(said->time_ms * 1000)) > 1e-6)
        return "a time in whole microseconds, as mtr-packet measures";
    if (!isnan(said->time_ms) && said->time_ms > waited * 1000)
        return "a time within that in which the answer came";
    if (strcmp(said->word, "no-reply") == 0 && waited + EARLY < ask_timeout(ask))
        return "no loss before the timeout";
    if (isnan(said->time_ms) &&
        (strcmp(said->word, "reply") == 0 || strcmp(said->word, "ttl-expired") == 0))
        return "a time";
    return NULL;
}

static Verdict judge_word(const Ask *ask, const Said *said, const Truth *right, uint32_t faults)
{
    if (right->word && strcmp(said->word, right->word) == 0 &&
        (strcmp(said->responder, right->responder) == 0 || (right->or_nobody && !*said->responder)))
        return VERDICT_RIGHT;
    if (strcmp(said->word, "no-reply") == 0) {
        if (ask_timeout(ask) < SURE_TIMEOUT)
            return VERDICT_RIGHT;
        /* Linux holds these back: no more than one a second for each source, which no setting of a
         * network namespace changes. */
        if (ask->place == PLACE_DEAD_END && ask->ip_version == 4)
            return VERDICT_EXCUSED;
        if (explains_loss(ask, faults))
            return VERDICT_EXCUSED;
    }
    if (explains_no_way(ask, said, faults))
        return VERDICT_EXCUSED;
    return VERDICT_FALSE;
}

Verdict truth_of_probe(const Ask *ask, const SoakUser *user, const Said *said, double waited,
                       uint32_t faults, char **ret_why)
{
    Truth right = truth(ask, user);
    const char *impossible = NULL;
    Verdict verdict = VERDICT_FALSE;

    if (said->error) {
        if (right.error && strcmp(said->error, right.error) == 0)
            return VERDICT_RIGHT;
        if (explains_error(said, waited, faults))
            return VERDICT_EXCUSED;
        /* A user may look up 2 names at a time, and 16 may wait: what others of the same user look
         * up is nothing that a client knows. */
        if (ask->by_name && strcmp(said->error, ERROR_LIMITS_EXCEEDED) == 0)
            return VERDICT_EXCUSED;
    } else {
        impossible = what_cannot_be(ask, said, waited);
        if (!impossible && !right.error)
            verdict = judge_word(ask, said, &right, faults);
    }
    if (verdict == VERDICT_FALSE)
        *ret_why = impossible    ? g_strdup(impossible)
                   : right.error ? g_strdup(right.error)
                                 : g_strdup_printf("%s from %s", right.word,
                                                   *right.responder ? right.responder : "nobody");
    return verdict;
}

Verdict truth_of_error(const char *error, const Said *said, double waited, uint32_t faults,
                       uint32_t waits_for)
{
    if (g_strcmp0(said->error, error) == 0)
        return VERDICT_RIGHT;
    if (said->error && explains_error(said, waited, faults & (TRUTH_ENDS | waits_for)))
        return VERDICT_EXCUSED;
    return VERDICT_FALSE;
}
