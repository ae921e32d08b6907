/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a probe is sent: the a{sv} of Probe, read and checked. mtr-packet takes numbers out of range
 * silently and some options without effect, so everything is checked here. Pure: it reads a
 * message, and knows no bus.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "outcome.h"
#include "probe-target.h"

typedef enum ProbeProtocol {
    PROBE_ICMP,
    PROBE_UDP,
    PROBE_TCP,
    PROBE_SCTP,
} ProbeProtocol;

/* An option that was not given: mtr-packet's own default holds. */
#define PROBE_OPTION_UNSET (-1)

typedef struct ProbeOptions {
    int ip_version; /* 4, 6, or 0 for either */
    ProbeProtocol protocol;
    ProbeTarget local_ip;  /* source address; its ip_version is 0 where it was not given */
    uint64_t timeout_usec; /* how long an answer is waited for */
    int ttl;  /* these and what follows: PROBE_OPTION_UNSET, or in the range of the contract */
    int port; /* destination port */
    int local_port;  /* source port */
    int size;        /* bytes, with headers */
    int bit_pattern; /* payload byte */
    int tos;         /* type of service or traffic class */
    uint32_t mark;   /* routing mark; 0 for none, which is the same to the kernel */
} ProbeOptions;

#define PROBE_TIMEOUT_DEFAULT_USEC (10 * 1000 * 1000ULL)

/* Ranges that are this service's own. */
#define PROBE_TTL_MAX 255
#define PROBE_LOCAL_PORT_MIN 1024 /* those below are privileged: mtr-packet itself refuses them */
#define PROBE_TIMEOUT_MAX 60      /* seconds */
#define PROBE_SIZE_MAX 9000       /* mtr-packet's own, too */

#define PROBE_OPTIONS_INIT                                                                         \
    ((ProbeOptions){                                                                               \
        .timeout_usec = PROBE_TIMEOUT_DEFAULT_USEC,                                                \
        .ttl = PROBE_OPTION_UNSET,                                                                 \
        .port = PROBE_OPTION_UNSET,                                                                \
        .local_port = PROBE_OPTION_UNSET,                                                          \
        .size = PROBE_OPTION_UNSET,                                                                \
        .bit_pattern = PROBE_OPTION_UNSET,                                                         \
        .tos = PROBE_OPTION_UNSET,                                                                 \
    })

/**
 * probe_options_read() - read the options argument of a probe
 * @ret: the options, only on success
 * @message: a message whose next element is an a{sv}
 * @failure: filled in on a positive return; its message names the key, the value and what would be
 * right
 *
 * Whether the source address is one of this machine's is not known here, see local_address_check().
 *
 * Any D-Bus integer type serves for a number, and a double for the timeout as well.
 *
 * Return: 0; OUTCOME_INVALID_ARGS for an unknown key, a key given twice, a wrong type, a value out
 * of range, or options that exclude each other; negative errno if the message cannot be read.
 */
int probe_options_read(ProbeOptions *ret, sd_bus_message *message, Failure *failure);

/**
 * probe_options_check_version() - check what depends on the target's IP version
 * @options: as probe_options_read() gave them
 * @ip_version: 4 or 6, that of the address the probe will go to
 * @failure: filled in on a positive return
 *
 * Return: 0, OUTCOME_INVALID_ARGS or OUTCOME_NOT_SUPPORTED.
 */
int probe_options_check_version(const ProbeOptions *options, int ip_version, Failure *failure);

/** probe_protocol_find() - the protocol of this name, as in the contract and in mtr-packet's; false
 * if there is none */
bool probe_protocol_find(const char *name, ProbeProtocol *ret);

/** probe_protocol_name() - the name of a protocol, as in the contract and in mtr-packet's; static
 */
const char *probe_protocol_name(ProbeProtocol protocol);
