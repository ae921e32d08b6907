/* SPDX-License-Identifier: MIT */

#include "resolver.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "hash.h"

/* Enough for NSS modules, and little enough that eight of them are no matter. */
#define STACK_SIZE (512 * 1024)

/* A user with look-ups; forgotten with the last. */
typedef struct User {
    Resolver *resolver;
    uid_t uid;
    unsigned n_running, n_waiting;
    Lookup *waiting;          /* in the order they came */
    struct User *prev, *next; /* in resolver->turn; always there */
    UT_hash_handle by_uid;
} User;

struct Lookup {
    User *user;
    Lookup *prev, *next; /* in user->waiting, until it runs */
    bool running; /* a thread has it: what follows is the thread's until it comes back through the
                     pipe */
    lookup_done_t done; /* NULL once dropped */
    void *userdata;

    int ip_version;
    int result_fd;
    int error;       /* of getaddrinfo() */
    int error_errno; /* for EAI_SYSTEM */
    struct addrinfo *addresses;
    char host[PROBE_HOST_MAX + 1];
};

struct Resolver {
    Limits limits;
    Statistics *statistics;
    int result_fds[2]; /* a thread that is done writes its look-up's address to the second */
    sd_event_source *source;
    unsigned n_running;
    User *by_uid;
    User *turn; /* whose turn it is comes first */
};

static void user_free_if_idle(User *user)
{
    Resolver *resolver = user->resolver;

    if (user->n_running > 0 || user->n_waiting > 0)
        return;
    HASH_DELETE(by_uid, resolver->by_uid, user);
    DL_DELETE(resolver->turn, user);
    free(user);
}

static User *user_get(Resolver *resolver, uid_t uid)
{
    User *user;

    HASH_FIND(by_uid, resolver->by_uid, &uid, sizeof(uid), user);
    if (user)
        return user;

    user = calloc(1, sizeof(*user));
    if (!user)
        return NULL;
    user->resolver = resolver;
    user->uid = uid;
    HASH_ADD(by_uid, resolver->by_uid, uid, sizeof(user->uid), user);
    if (!HASH_ADDED(by_uid, user)) {
        free(user);
        return NULL;
    }
    DL_APPEND(resolver->turn, user);
    return user;
}

static void lookup_free(Lookup *lookup)
{
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    free(lookup);
}

/*
 * The threads
 */

/* Runs in a thread of its own: nothing here but the look-up itself, and the pipe. */
static void *run(void *argument)
{
    Lookup *lookup = argument;
    const struct addrinfo hints = {
        .ai_family = lookup->ip_version == 4   ? AF_INET
                     : lookup->ip_version == 6 ? AF_INET6
                                               : AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM, /* each address once */
    };
    int fd = lookup->result_fd;
    ssize_t n;

    lookup->error = getaddrinfo(lookup->host, NULL, &hints, &lookup->addresses);
    lookup->error_errno = errno;

    do /* a pipe has room for many more pointers than there are threads */
        n = write(fd, &lookup, sizeof(Lookup *));
    while (n < 0 && errno == EINTR);
    return NULL;
}

static int start_thread(Lookup *lookup)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    pthread_t thread;
    int r;

    r = pthread_attr_init(&attributes);
    if (r != 0)
        return -r;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);

    /* Signals are for the event loop. */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&thread, &attributes, run, lookup);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);

    (void)pthread_attr_destroy(&attributes);
    return -r;
}

/*
 * The results
 */

static int read_address(const struct addrinfo *address, ProbeTarget *ret, const char *host,
                        Failure *failure)
{
    ProbeTarget target = {0};

    if (address->ai_family == AF_INET) {
        target.ip_version = 4;
        target.ipv4 = ((const struct sockaddr_in *)(const void *)address->ai_addr)->sin_addr;
    } else {
        const struct sockaddr_in6 *ipv6 = (const void *)address->ai_addr;

        if (ipv6->sin6_scope_id != 0)
            return failure_set(
                failure, OUTCOME_NOT_SUPPORTED,
                "host %s has an address on one link only, which mtr-packet cannot send to",
                QUOTE(host));
        target.ip_version = 6;
        target.ipv6 = ipv6->sin6_addr;
    }

    *ret = target;
    return probe_target_check(&target, host, failure);
}

/* The first address that a probe can go to, in the order of the system's preference; if there is
 * none, what is wrong with the first. */
static int choose_address(const struct addrinfo *addresses, ProbeTarget *ret, const char *host,
                          Failure *failure)
{
    Failure later;
    int r;

    r = read_address(addresses, ret, host, failure);
    for (const struct addrinfo *next = addresses->ai_next; r != 0 && next; next = next->ai_next)
        if (read_address(next, ret, host, &later) == 0)
            return 0;
    return r;
}

static void lookup_finish(Lookup *lookup)
{
    const char *kind = lookup->ip_version == 4 ? "IPv4 " : lookup->ip_version == 6 ? "IPv6 " : "";
    ProbeTarget target;
    Failure failure;
    int r;

    if (!lookup->done)
        return;

    if (lookup->error != 0)
        r = failure_set(&failure, OUTCOME_HOST_RESOLVE,
                        "host %s has no %saddress that can be found: %s", QUOTE(lookup->host), kind,
                        lookup->error == EAI_SYSTEM ? strerror(lookup->error_errno)
                                                    : gai_strerror(lookup->error));
    else
        r = choose_address(lookup->addresses, &target, lookup->host, &failure);

    lookup->done(lookup->userdata, r == 0 ? &target : NULL, r == 0 ? NULL : &failure);
}

/* Ends a look-up that ran, or could not. */
static void lookup_ran(Lookup *lookup)
{
    User *user = lookup->user;

    user->n_running--;
    user->resolver->n_running--;
    lookup_finish(lookup);
    lookup_free(lookup);
    user_free_if_idle(user);
}

/* The next user whose turn it is and who may run one more; it goes to the end of the queue. */
static User *take_turn(Resolver *resolver)
{
    User *user;

    DL_FOREACH (resolver->turn, user) {
        if (user->n_waiting > 0 && user->n_running < resolver->limits.user_lookups) {
            DL_DELETE(resolver->turn, user);
            DL_APPEND(resolver->turn, user);
            return user;
        }
    }
    return NULL;
}

static void run_waiting(Resolver *resolver)
{
    User *user;

    while (resolver->n_running < resolver->limits.lookups && (user = take_turn(resolver))) {
        Lookup *lookup = user->waiting;
        int r;

        DL_DELETE(user->waiting, lookup);
        user->n_waiting--;
        user->n_running++;
        resolver->n_running++;
        lookup->running = true;
        resolver->statistics->lookups++;

        r = start_thread(lookup);
        if (r < 0) {
            lookup->error = EAI_SYSTEM;
            lookup->error_errno = -r;
            lookup_ran(lookup);
        }
    }
}

static int on_result(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    Resolver *resolver = userdata;
    Lookup *lookup;

    if (read(fd, &lookup, sizeof(Lookup *)) != sizeof(Lookup *))
        return 0;

    lookup_ran(lookup);
    run_waiting(resolver);
    return 0;
}

int resolver_new(Resolver **ret, sd_event *event, const Limits *limits, Statistics *statistics)
{
    _cleanup_(resolver_freep) Resolver *resolver = NULL;
    int r;

    resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return -ENOMEM;
    resolver->limits = *limits;
    resolver->statistics = statistics;
    resolver->result_fds[0] = resolver->result_fds[1] = -1;

    if (pipe2(resolver->result_fds, O_CLOEXEC) < 0)
        return -errno;
    if (fcntl(resolver->result_fds[0], F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    r = sd_event_add_io(event, &resolver->source, resolver->result_fds[0], EPOLLIN, on_result,
                        resolver);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(resolver);
    return 0;
}

Resolver *resolver_free(Resolver *resolver)
{
    if (!resolver)
        return NULL;

    sd_event_source_disable_unref(resolver->source);

    /* A thread that still runs has the pipe, its look-up and, through that, its user: they go with
     * the process. */
    if (resolver->n_running > 0)
        return NULL;

    assert(!resolver->by_uid);
    close_fd(resolver->result_fds[0]);
    close_fd(resolver->result_fds[1]);
    free(resolver);
    return NULL;
}

int resolver_lookup(Resolver *resolver, Lookup **ret, uid_t uid, const char *host, int ip_version,
                    lookup_done_t done, void *userdata, Failure *failure)
{
    Lookup *lookup;
    User *user;

    assert(strlen(host) <= PROBE_HOST_MAX);

    user = user_get(resolver, uid);
    if (!user)
        return -ENOMEM;
    if (user->n_waiting >= resolver->limits.user_lookups_waiting)
        return failure_set(failure, OUTCOME_LIMITS_EXCEEDED,
                           "user %u has %u names waiting to be looked up, the limit "
                           "(--user-lookups-waiting=%u)",
                           (unsigned)uid, user->n_waiting, resolver->limits.user_lookups_waiting);

    lookup = calloc(1, sizeof(*lookup));
    if (!lookup) {
        user_free_if_idle(user);
        return -ENOMEM;
    }
    lookup->user = user;
    lookup->done = done;
    lookup->userdata = userdata;
    lookup->ip_version = ip_version;
    lookup->result_fd = resolver->result_fds[1];
    strcpy(lookup->host, host);

    DL_APPEND(user->waiting, lookup);
    user->n_waiting++;
    *ret = lookup;
    run_waiting(resolver);
    return 0;
}

Lookup *lookup_drop(Lookup *lookup)
{
    User *user;

    if (!lookup)
        return NULL;

    lookup->done = NULL;
    if (lookup->running)
        return NULL;

    user = lookup->user;
    DL_DELETE(user->waiting, lookup);
    user->n_waiting--;
    lookup_free(lookup);
    user_free_if_idle(user);
    return NULL;
}
