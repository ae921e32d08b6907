/* SPDX-License-Identifier: MIT */

#include "shares.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "hash.h"

/* What one user holds; there is none for who holds nothing. */
struct Share {
    uid_t uid;
    UT_hash_handle by_uid;
    unsigned held;
};

static Share *find(const Shares *shares, uid_t uid)
{
    Share *share;

    HASH_FIND(by_uid, shares->by_uid, &uid, sizeof(uid), share);
    return share;
}

bool shares_may_take(const Shares *shares, uid_t uid)
{
    const Share *share = find(shares, uid);
    unsigned held = share ? share->held : 0;

    return held < shares->places - shares->taken && (shares->most == 0 || held < shares->most);
}

int shares_take(Shares *shares, uid_t uid)
{
    Share *share = find(shares, uid);

    if (!share) {
        share = calloc(1, sizeof(*share));
        if (!share)
            return -ENOMEM;
        share->uid = uid;
        HASH_ADD(by_uid, shares->by_uid, uid, sizeof(uid), share);
        if (!HASH_ADDED(by_uid, share)) {
            free(share);
            return -ENOMEM;
        }
    }

    share->held++;
    shares->taken++;
    return 0;
}

void shares_give_back(Shares *shares, uid_t uid)
{
    Share *share = find(shares, uid);

    assert(share);
    shares->taken--;
    if (--share->held > 0)
        return;
    HASH_DELETE(by_uid, shares->by_uid, share);
    free(share);
}
