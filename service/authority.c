/* SPDX-License-Identifier: MIT */

#include "authority.h"

int authority_check(uid_t uid, const PacketCommand *command, Failure *failure)
{
    if (uid == 0 || command->kind == PACKET_CHECK_SUPPORT)
        return 0;

    return failure_set(failure, OUTCOME_ACCESS_DENIED,
                       "user %u may not send probes: only root may, for now", (unsigned)uid);
}
