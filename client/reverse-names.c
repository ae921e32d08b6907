/* SPDX-License-Identifier: MIT */

#include "reverse-names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "hash.h"
#include "util.h"

/* Look-ups at a time that are waited for. */
#define RUNNING_MAX 16

/* An address, and its name. */
typedef struct Entry {
    char address[INET6_ADDRSTRLEN];
    char *name; /* NULL where none is known */
    enum { ENTRY_QUEUED, ENTRY_RUNNING, ENTRY_DONE } state;
    ReverseNames *names;
    sd_event_source *timer; /* while it runs */
    UT_hash_handle by_address;
} Entry;

/* What a thread has of an entry. The thread's, until it comes back through the pipe. */
typedef struct Lookup {
    pthread_t thread;
    int result_fd;
    struct sockaddr_storage address;
    socklen_t length;
    Entry *entry;
    int result; /* of getnameinfo() */
    char name[NI_MAXHOST];
} Lookup;

struct ReverseNames {
    sd_event *event;
    void (*changed)(void *userdata);
    void *userdata;
    int result_fds[2]; /* a thread that is done writes its look-up's address to the second */
    sd_event_source *results;
    unsigned n_threads; /* that run, waited for or not */
    unsigned n_running; /* entries that are waited for */
    Entry *by_address;  /* in the order they came */
};

DEFINE_CLEANUP(ReverseNames *, reverse_names_free)

/*
 * The threads
 */

/* Nothing here but the look-up itself, and the pipe. */
static void *run(void *argument)
{
    Lookup *lookup = argument;
    int fd = lookup->result_fd;
    ssize_t n;

    lookup->result = getnameinfo((const struct sockaddr *)&lookup->address, lookup->length,
                                 lookup->name, sizeof(lookup->name), NULL, 0, NI_NAMEREQD);
    do /* a pointer is written whole */
        n = write(fd, &lookup, sizeof(Lookup *));
    while (n < 0 && errno == EINTR);
    return NULL;
}

static bool read_address(const char *text, Lookup *lookup)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&lookup->address, &in, sizeof(in));
        lookup->length = sizeof(in);
    } else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(&lookup->address, &in6, sizeof(in6));
        lookup->length = sizeof(in6);
    } else {
        return false;
    }
    return true;
}

/* Returns 0 or a negative errno. */
static int start_thread(Lookup *lookup)
{
    sigset_t all, old;
    int r;

    /* Signals are for the event loop. */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&lookup->thread, NULL, run, lookup);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -r;
}

/*
 * The entries
 */

static Entry *find(const ReverseNames *names, const char *address)
{
    Entry *entry;

    HASH_FIND(by_address, names->by_address, address, strlen(address), entry);
    return entry;
}

static void run_queued(ReverseNames *names);

/* It has a name, or none, and is waited for no longer. */
static void finish(Entry *entry, const char *name)
{
    ReverseNames *names = entry->names;

    if (entry->state == ENTRY_RUNNING)
        names->n_running--;
    entry->state = ENTRY_DONE;
    entry->name = name ? strdup(name) : NULL;
    entry->timer = sd_event_source_disable_unref(entry->timer);
}

/* A name comes from whoever owns the address, and goes to a terminal: nothing but what names are
 * made of. */
static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *name;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
    Entry *entry = userdata;
    ReverseNames *names = entry->names;

    finish(entry, NULL);
    run_queued(names);
    names->changed(names->userdata);
    return 0;
}

static int on_result(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    ReverseNames *names = userdata;
    Lookup *lookup;

    if (read(fd, &lookup, sizeof(Lookup *)) != sizeof(Lookup *))
        return 0;

    /* It is at its end. Who does not wait for that may end while it still has what the resolver
     * keeps for each thread, which then looks lost. */
    (void)pthread_join(lookup->thread, NULL);
    names->n_threads--;
    if (lookup->entry->state == ENTRY_RUNNING)
        finish(lookup->entry, lookup->result == 0 && is_plain(lookup->name) ? lookup->name : NULL);
    free(lookup);
    run_queued(names);
    names->changed(names->userdata);
    return 0;
}

static void start(Entry *entry)
{
    ReverseNames *names = entry->names;
    Lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup || !read_address(entry->address, lookup)) {
        free(lookup);
        finish(entry, NULL);
        return;
    }
    lookup->result_fd = names->result_fds[1];
    lookup->entry = entry;

    entry->state = ENTRY_RUNNING;
    names->n_running++;
    if (sd_event_add_time_relative(names->event, &entry->timer, CLOCK_MONOTONIC,
                                   REVERSE_NAME_WAIT_USEC, 0, on_late, entry) < 0 ||
        start_thread(lookup) < 0) {
        free(lookup);
        finish(entry, NULL);
        return;
    }
    names->n_threads++;
}

static void run_queued(ReverseNames *names)
{
    for (Entry *entry = names->by_address; entry && names->n_running < RUNNING_MAX;
         entry = entry->by_address.next)
        if (entry->state == ENTRY_QUEUED)
            start(entry);
}

void reverse_names_ask(ReverseNames *names, const char *address)
{
    Entry *entry;

    if (!*address || strlen(address) >= sizeof(entry->address) || find(names, address))
        return;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return;
    strcpy(entry->address, address);
    entry->names = names;
    HASH_ADD_KEYPTR(by_address, names->by_address, entry->address, strlen(address), entry);
    if (!HASH_ADDED(by_address, entry)) {
        free(entry);
        return;
    }
    run_queued(names);
}

bool reverse_names_is_awaited(const ReverseNames *names, const char *address)
{
    const Entry *entry = find(names, address);

    return entry && entry->state != ENTRY_DONE;
}

const char *reverse_names_get(const ReverseNames *names, const char *address)
{
    const Entry *entry = find(names, address);

    return entry ? entry->name : NULL;
}

int reverse_names_new(ReverseNames **ret, sd_event *event, void (*changed)(void *userdata),
                      void *userdata)
{
    _cleanup_(reverse_names_freep) ReverseNames *names = calloc(1, sizeof(*names));
    int r;

    if (!names)
        return -ENOMEM;
    names->event = event;
    names->changed = changed;
    names->userdata = userdata;
    names->result_fds[0] = names->result_fds[1] = -1;
    if (pipe2(names->result_fds, O_CLOEXEC) < 0)
        return -errno;
    if (fcntl(names->result_fds[0], F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    r = sd_event_add_io(event, &names->results, names->result_fds[0], EPOLLIN, on_result, names);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(names);
    return 0;
}

bool reverse_names_is_running(const ReverseNames *names)
{
    return names->n_threads > 0;
}

ReverseNames *reverse_names_free(ReverseNames *names)
{
    Entry *entry, *next;

    if (!names)
        return NULL;
    names->results = sd_event_source_disable_unref(names->results);
    for (entry = names->by_address; entry; entry = entry->by_address.next)
        entry->timer = sd_event_source_disable_unref(entry->timer);

    /* A thread that still runs has the pipe and, through its look-up, all of this: they go with the
     * process. */
    if (reverse_names_is_running(names))
        return NULL;

    HASH_ITER (by_address, names->by_address, entry, next) {
        HASH_DELETE(by_address, names->by_address, entry);
        free(entry->name);
        free(entry);
    }
    close_fd(names->result_fds[0]);
    close_fd(names->result_fds[1]);
    free(names);
    return NULL;
}
