/* SPDX-License-Identifier: MIT */

/* The resolver alone, in a sandbox: /etc/hosts is the tests' own, and the DNS server there never
 * answers. */

#include <arpa/inet.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadlines.h"
#include "names.h"
#include "resolver.h"
#include "sandbox.h"

static sd_event *event;

typedef struct Result {
    bool done;
    int outcome;
    char address[INET6_ADDRSTRLEN];
    char message[FAILURE_MESSAGE_MAX];
    Lookup *lookup;
} Result;

static void on_done(void *userdata, const ProbeTarget *target, const Failure *failure)
{
    Result *result = userdata;

    g_assert_false(result->done);
    result->done = true;
    if (target)
        probe_target_format(target, result->address);
    else {
        result->outcome = failure->outcome;
        g_strlcpy(result->message, failure->message, sizeof(result->message));
    }
}

static void start(Resolver *resolver, Result *result, uid_t uid, const char *host, int ip_version)
{
    Failure failure;

    *result = (Result){0};
    g_assert_cmpint(resolver_lookup(resolver, &result->lookup, uid, host, ip_version, on_done,
                                    result, &failure),
                    ==, 0);
}

static void wait_for(const bool *done)
{
    while (!*done)
        g_assert_cmpint(sd_event_run(event, UINT64_MAX), >=, 0);
}

static void assert_address(Resolver *resolver, const char *host, int ip_version,
                           const char *address)
{
    Result result;

    start(resolver, &result, 0, host, ip_version);
    wait_for(&result.done);
    g_assert_cmpint(result.outcome, ==, 0);
    g_assert_cmpstr(result.address, ==, address);
}

static void assert_failure(Resolver *resolver, const char *host, int ip_version, int outcome,
                           const char *part)
{
    Result result;

    start(resolver, &result, 0, host, ip_version);
    wait_for(&result.done);
    g_assert_cmpint(result.outcome, ==, outcome);
    g_assert_nonnull(g_strstr_len(result.message, -1, part));
}

/* The default ones; set in main(). */
static Limits limits;

static void test_hosts(void)
{
    Statistics statistics = {0};
    Resolver *resolver;

    g_assert_cmpint(resolver_new(&resolver, event, &limits, &statistics), ==, 0);
    assert_address(resolver, "four.test", 0, "127.0.0.1");
    assert_address(resolver, "four.test", 4, "127.0.0.1");
    assert_address(resolver, "six.test", 0, "::1");
    assert_address(resolver, "six.test", 6, "::1");
    assert_address(resolver, "both.test", 4, "127.0.0.1");
    assert_address(resolver, "both.test", 6, "::1");
    assert_address(resolver, "127.1", 0, "127.0.0.1"); /* as ping has it */
    assert_failure(resolver, "multicast.test", 0, OUTCOME_INVALID_ARGS,
                   "\"multicast.test\" is a multicast address (224.0.0.1)");
    /* one that no probe can go to, though the system prefers it, is passed over */
    assert_address(resolver, "odd.test", 0, "192.0.2.77");
    assert_failure(resolver, "127.1", 6, OUTCOME_HOST_RESOLVE,
                   "host \"127.1\" has no IPv6 address that can be found: ");
    resolver_free(resolver);
}

/* A DNS server that takes every question and answers none. */
static int open_silent_server(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

/*
 * Look-ups that hang: one user's delay no other's, and he may have so many and no more. They hang
 * on when the resolver goes, which waits for none.
 */
static void test_hang(void)
{
    /* static: what hangs on when the resolver has gone is known to somebody, and so no leak */
    static Result hanging[2 + 16];
    Result results[3], more;
    int server = open_silent_server();
    Statistics statistics = {0};
    Resolver *resolver;
    Failure failure;

    g_assert_cmpint(resolver_new(&resolver, event, &limits, &statistics), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++) {
        g_autofree char *host = g_strdup_printf("host%u.hangs.test", i);
        start(resolver, &hanging[i], 1000, host, 4);
    }
    g_assert_cmpint(
        resolver_lookup(resolver, &more.lookup, 1000, "four.test", 4, on_done, &more, &failure), ==,
        OUTCOME_LIMITS_EXCEEDED);
    g_assert_nonnull(g_strstr_len(failure.message, -1, "16"));

    /* three at once of another, of which two run at a time */
    for (unsigned i = 0; i < G_N_ELEMENTS(results); i++)
        start(resolver, &results[i], 1001, i == 2 ? "six.test" : "four.test", 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(results); i++) {
        wait_for(&results[i].done);
        g_assert_cmpstr(results[i].address, ==, i == 2 ? "::1" : "127.0.0.1");
    }

    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++)
        g_assert_false(hanging[i].done);
    for (unsigned i = 0; i < G_N_ELEMENTS(hanging); i++)
        lookup_drop(hanging[i].lookup);
    resolver_free(resolver);
    close(server);
}

typedef struct Waiter {
    NamesWaiter waiter;
    bool done;
    char address[INET6_ADDRSTRLEN];
} Waiter;

static void on_name(NamesWaiter *names_waiter, const ProbeTarget *target, const Failure *failure)
{
    Waiter *waiter = (Waiter *)names_waiter;

    g_assert_null(failure);
    g_assert_false(waiter->done);
    waiter->done = true;
    probe_target_format(target, waiter->address);
}

static void get(Names *names, Waiter *waiter, const char *host)
{
    Failure failure;

    *waiter = (Waiter){.waiter.done = on_name};
    g_assert_cmpint(names_get(names, host, 4, &waiter->waiter, &failure), ==, 0);
}

/* Who asks for the same name together shares one look-up, and its answer is kept. */
static void test_names(void)
{
    Waiter waiters[40], other, left;
    Statistics statistics = {0};
    Resolver *resolver;
    Names names;

    g_assert_cmpint(resolver_new(&resolver, event, &limits, &statistics), ==, 0);
    names_init(&names, resolver, 1000);

    /* more than one user may look up: but it is one look-up */
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++)
        get(&names, &waiters[i], "four.test");
    get(&names, &other, "both.test");
    get(&names, &left, "both.test");
    names_leave(&left.waiter);
    names_leave(&left.waiter);
    for (unsigned i = 0; i < G_N_ELEMENTS(waiters); i++) {
        wait_for(&waiters[i].done);
        g_assert_cmpstr(waiters[i].address, ==, "127.0.0.1");
    }
    wait_for(&other.done);
    g_assert_false(left.done);

    /* now it is known: no look-up, no waiting */
    get(&names, &waiters[0], "four.test");
    g_assert_true(waiters[0].done);

    /* many names: the oldest are forgotten, and are looked up again */
    for (unsigned i = 1; i <= NAMES_MAX; i++) {
        g_autofree char *host = g_strdup_printf("127.%u", i);

        get(&names, &other, host);
        wait_for(&other.done);
    }
    get(&names, &waiters[0], "four.test");
    g_assert_false(waiters[0].done);
    wait_for(&waiters[0].done);

    /* what is too old is looked up again, but while it is kept it does not get too old */
    names.keep_usec = 1;
    get(&names, &other, "both.test");
    wait_for(&other.done);
    names.kept = true;
    for (uint64_t now = deadlines_now(); deadlines_now() < now + 2;)
        ; /* until the microsecond has passed */
    get(&names, &other, "both.test");
    g_assert_true(other.done);
    names.kept = false;
    get(&names, &other, "both.test");
    g_assert_false(other.done);
    wait_for(&other.done);

    names_deinit(&names);
    resolver_free(resolver);
}

static int run(int argc, char *argv[])
{
    int r;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resolver/hosts", test_hosts);
    g_test_add_func("/resolver/hang", test_hang);
    g_test_add_func("/names/all", test_names);

    limits_init(&limits);
    g_assert_cmpint(sd_event_new(&event), >=, 0);
    r = g_test_run();
    sd_event_unref(event);
    return r;
}

int main(int argc, char *argv[])
{
    const char *const trees[] = {g_getenv("TEST_TREE"), NULL};

    return sandbox_run(argc, argv, trees, run);
}
