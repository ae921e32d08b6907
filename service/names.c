/* SPDX-License-Identifier: MIT */

#include "names.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "deadlines.h"
#include "hash.h"

/* "4 name", "6 name" or "0 name" */
#define KEY_SIZE (PROBE_HOST_MAX + 3)

struct Name {
    Names *names;
    UT_hash_handle by_key;
    Lookup *lookup; /* while it is looked up: then there is no target yet */
    NamesWaiter *waiters;
    ProbeTarget target;
    uint64_t until_usec; /* it is kept until then */
    char key[];
};

static void name_free(Name *name)
{
    assert(!name->waiters);

    if (HASH_ADDED(by_key, name))
        HASH_DELETE(by_key, name->names->by_key, name);
    lookup_drop(name->lookup);
    free(name);
}

void names_init(Names *names, Resolver *resolver, uid_t uid)
{
    *names = (Names){.resolver = resolver, .uid = uid, .keep_usec = NAMES_KEPT_USEC};
}

void names_deinit(Names *names)
{
    Name *name, *next;

    HASH_ITER (by_key, names->by_key, name, next)
        name_free(name);
}

static void on_looked_up(void *userdata, const ProbeTarget *target, const Failure *failure)
{
    Name *name = userdata;
    NamesWaiter *waiters = name->waiters, *waiter, *next;

    name->lookup = NULL;
    name->waiters = NULL;
    if (target) {
        name->target = *target;
        name->until_usec = deadlines_now() + name->names->keep_usec;
    }

    DL_FOREACH (waiters, waiter)
        waiter->name = NULL;
    DL_FOREACH_SAFE (waiters, waiter, next)
        waiter->done(waiter, target, failure);

    /* What was not found is asked for again. */
    if (failure)
        name_free(name);
}

/* Forgets what is too old, and the oldest if there are too many. What is being looked up stays. */
static void tidy(Names *names)
{
    unsigned n = HASH_CNT(by_key, names->by_key);
    uint64_t now = deadlines_now();
    Name *name, *next;

    HASH_ITER (by_key, names->by_key, name, next) {
        if (!name->lookup && ((name->until_usec <= now && !names->kept) || n >= NAMES_MAX)) {
            name_free(name);
            n--;
        }
    }
}

int names_get(Names *names, const char *host, int ip_version, NamesWaiter *waiter, Failure *failure)
{
    char key[KEY_SIZE];
    Name *name;
    int r;

    tidy(names);

    snprintf(key, sizeof(key), "%d %s", ip_version, host);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is freed is no longer in the table */
    HASH_FIND(by_key, names->by_key, key, strlen(key), name);
    if (name && !name->lookup) {
        waiter->done(waiter, &name->target, NULL);
        return 0;
    }

    if (!name) {
        name = calloc(1, sizeof(*name) + strlen(key) + 1);
        if (!name)
            return -ENOMEM;
        name->names = names;
        strcpy(name->key, key);
        HASH_ADD_KEYPTR(by_key, names->by_key, name->key, strlen(name->key), name);
        if (!HASH_ADDED(by_key, name)) {
            free(name);
            return -ENOMEM;
        }

        /* It may end at once, and takes the waiter along. */
        waiter->name = name;
        DL_APPEND(name->waiters, waiter);
        r = resolver_lookup(names->resolver, &name->lookup, names->uid, host, ip_version,
                            on_looked_up, name, failure);
        if (r != 0) {
            names_leave(waiter);
            name_free(name);
        }
        return r;
    }

    waiter->name = name;
    DL_APPEND(name->waiters, waiter);
    return 0;
}

void names_leave(NamesWaiter *waiter)
{
    if (!waiter->name)
        return;

    /* The look-up goes on: its answer serves the next who asks. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the list has the waiter */
    DL_DELETE(waiter->name->waiters, waiter);
    waiter->name = NULL;
}
