/* SPDX-License-Identifier: MIT */

#include "authority.h"

int authority_check(uid_t uid, AuthorityAction action, Failure *failure)
{
    if (uid == 0 || action == AUTHORITY_NOTHING)
        return 0;

    return failure_set(failure, OUTCOME_ACCESS_DENIED,
                       "user %u may not send probes: only root may, for now", (unsigned)uid);
}
