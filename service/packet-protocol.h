/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The language of mtr-packet(8): commands and replies are lines of words,
 *
 *     TOKEN WORD [ARGUMENT VALUE]...
 *
 * with a token by which a reply finds its command. Pure: text in, text out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outcome.h"
#include "probe-options.h"
#include "probe-target.h"

/* A feature's name: [a-z0-9-], at least one, at most this many. */
#define PACKET_FEATURE_MAX 32

/* Room for any command that packet_command_format() writes. */
#define PACKET_COMMAND_SIZE 320

/* mtr-packet's grammar has at most 16 arguments; twice that is taken, more is no reply. */
#define PACKET_ARGUMENTS_MAX 32

/* mtr-packet reports at most 8 labels; a longer list, up to what its line holds, is not decoded. */
#define PACKET_MPLS_MAX 32

typedef enum PacketCommandKind {
    PACKET_SEND_PROBE,
    PACKET_SKIP_NUMBER,   /* sends nothing, but uses a sequence number up */
    PACKET_CHECK_SUPPORT, /* of a feature; for `mark` it is a probe, since mtr-packet says that it
                             supports marks where it may not set them */
} PacketCommandKind;

typedef struct PacketCommand {
    PacketCommandKind kind;
    union {
        struct {
            ProbeTarget target;
            ProbeOptions options;
        };
        char feature[PACKET_FEATURE_MAX + 1];
    };
} PacketCommand;

/* A reply line taken apart. Its strings are printable ASCII without spaces, and live as long as the
 * line. */
typedef struct PacketArgument {
    const char *name;
    const char *value;
} PacketArgument;

typedef struct PacketReply {
    int token;
    const char *word;
    size_t n_arguments;
    PacketArgument arguments[PACKET_ARGUMENTS_MAX];
} PacketReply;

typedef struct MplsLabel {
    uint32_t label;
    uint8_t traffic_class;
    bool bottom_of_stack;
    uint8_t ttl; /* as it was when the probe expired */
} MplsLabel;

/* What a reply says of a probe. Strings live as long as the reply's line. */
typedef struct ProbeResult {
    bool success;          /* the probe arrived at its target */
    const char *word;      /* mtr-packet's reply word */
    double time_ms;        /* round-trip time, in milliseconds; NaN where there is none */
    const char *responder; /* address of the host that answered; "" where there is none */
    size_t n_mpls;
    MplsLabel mpls[PACKET_MPLS_MAX]; /* outermost first */
    size_t n_details;                /* the arguments that are in none of the above */
    PacketArgument details[PACKET_ARGUMENTS_MAX];
} ProbeResult;

/**
 * packet_feature_check() - check a feature's name
 * @feature: what the caller gave
 * @failure: filled in on a positive return
 *
 * Return: 0 if it can go into a command, else OUTCOME_INVALID_ARGS.
 */
int packet_feature_check(const char *feature, Failure *failure);

/**
 * packet_command_format() - write a command line
 * @command: the command
 * @token: its token, above 0
 * @line: filled in, newline and NUL at its end
 *
 * Return: the line's length without the NUL.
 */
size_t packet_command_format(const PacketCommand *command, int token,
                             char line[static PACKET_COMMAND_SIZE]);

/**
 * packet_reply_parse() - take a reply line apart
 * @ret: the reply, only on success
 * @line: the line without its newline; changed
 * @length: its bytes
 *
 * Words and arguments need not be known. Token 0, with which mtr-packet says that it lost its place
 * among the commands, is a reply like any other here.
 *
 * Return: 0, or -EBADMSG for what is no reply: bytes other than printable ASCII and spaces, a token
 * that no int holds, no word, an argument without a value, too many arguments.
 */
int packet_reply_parse(PacketReply *ret, char *line, size_t length);

/**
 * packet_command_seconds() - how long mtr-packet itself waits for the answer to a probe
 *
 * It counts in whole seconds: the next above the probe's timeout, which the service sees to.
 */
unsigned packet_command_seconds(const PacketCommand *command);

/** packet_command_is_numbered() - whether mtr-packet gives the command a sequence number: it sends
 * a packet */
bool packet_command_is_numbered(const PacketCommand *command);

/**
 * packet_reply_distrust() - what is wrong with a probe's answer, by our own clock
 * @command: the command
 * @reply: its answer
 * @span_usec: how long it took, from when the command was written, on a clock that is not set
 *
 * mtr-packet goes by the machine's wall clock. If that is set while a probe is in flight, the round
 * trip may seem to have taken longer than it can have, or less than nothing, or the probe's time to
 * be over.
 *
 * Return: NULL if the answer can be true, else what it does, to be put after mtr-packet's name.
 */
const char *packet_reply_distrust(const PacketCommand *command, const PacketReply *reply,
                                  uint64_t span_usec);

/**
 * packet_reply_misread() - the word of a reply that may be another than it says, or NULL
 *
 * That a TCP or SCTP probe expired comes to mtr-packet twice, with the router's name and without.
 * If it sees the second first, it says `no-route` and nothing else; which it also says if there is
 * no route.
 */
const char *packet_reply_misread(const PacketCommand *command, const PacketReply *reply);

/**
 * packet_reply_used_numbers() - whether the probe used up more sequence numbers than its own
 *
 * mtr-packet looks for a port through all of them before it says that there is none.
 */
bool packet_reply_used_numbers(const PacketCommand *command, const PacketReply *reply);

/** packet_reply_argument() - the value of the first argument with this name, or NULL */
const char *packet_reply_argument(const PacketReply *reply, const char *name);

/**
 * packet_reply_decode() - read a reply as the result of a probe
 * @ret: filled in
 * @reply: the reply to a send-probe
 *
 * Never fails: an argument that is not understood, a broken label list too, goes to the details as
 * it came, and what it would have told stays empty. Of arguments with the same name only the first
 * counts; of an ip-4 and an ip-6, which mtr-packet never says both, the last.
 */
void packet_reply_decode(ProbeResult *ret, const PacketReply *reply);

/** packet_reply_is_plain() - whether the answer to a question is yes or no, and nothing more: what
 * packet_reply_supported() says is all there is to it */
bool packet_reply_is_plain(const PacketReply *reply);

/**
 * packet_reply_supported() - what the answer to a question is
 * @command: the question
 * @reply: its answer
 *
 * It is what mtr-packet says; but of marks, whatever it says of a marked probe other than that it
 * may not, or cannot, be sent.
 */
bool packet_reply_supported(const PacketCommand *command, const PacketReply *reply);
