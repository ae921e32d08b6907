/* SPDX-License-Identifier: MIT */

#include "packet-support.h"

#include <stdio.h>
#include <string.h>

#define FEATURE_SEND_PROBE 0

const char *const packet_support_features[PACKET_SUPPORT_FEATURES] = {
    [FEATURE_SEND_PROBE] = "send-probe", "ip-4", "ip-6", "icmp", "udp", "tcp", "sctp",
};

PacketCommand packet_support_question(unsigned number)
{
    PacketCommand command = {.kind = PACKET_CHECK_SUPPORT};

    snprintf(command.feature, sizeof(command.feature), "%s",
             number < PACKET_SUPPORT_FEATURES ? packet_support_features[number] : "version");
    return command;
}

void packet_support_answer(PacketSupport *support, unsigned number, const PacketReply *reply)
{
    const char *version;

    if (number < PACKET_SUPPORT_FEATURES) {
        const PacketCommand question = packet_support_question(number);

        if (packet_reply_supported(&question, reply))
            support->features |= 1U << number;
        return;
    }

    version = packet_reply_argument(reply, "support");
    if (version)
        snprintf(support->version, sizeof(support->version), "%s", version);
}

bool packet_support_knows(const PacketSupport *support, const char *feature, bool *ret_supported)
{
    for (unsigned i = 0; i < PACKET_SUPPORT_FEATURES; i++) {
        if (strcmp(packet_support_features[i], feature) == 0) {
            *ret_supported = support->features & (1U << i);
            return true;
        }
    }
    return false;
}

bool packet_support_can_probe(const PacketSupport *support)
{
    return support->features & (1U << FEATURE_SEND_PROBE);
}
