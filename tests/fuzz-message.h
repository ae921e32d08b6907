/* SPDX-License-Identifier: MIT */
#pragma once

/* Arbitrary D-Bus messages: bytes that go over a socket to sd-bus, which alone judges what a
 * message is. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

typedef void (*fuzz_message_t)(sd_bus_message *message);

/** A message's body, as an input gives it. */
typedef struct FuzzBody {
    bool big; /* the most significant byte comes first */
    const char *signature;
    const uint8_t *bytes;
    size_t size; /* 60000 at most */
} FuzzBody;

/**
 * fuzz_message() - send a method call with this body, and have it received
 * @body: what it is
 * @function: called once with it, or never if it is such that sd-bus drops the connection
 */
void fuzz_message(const FuzzBody *body, fuzz_message_t function);
