/* SPDX-License-Identifier: MIT */

/*
 * A scripted mtr-packet, for the faults that the real one cannot produce on demand. It answers
 * questions and probes as mtr-packet does, unless the name that it was started by, or a probe's
 * bit-pattern, says otherwise.
 */

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake-packet.h"

#define HELD_MAX 4096
#define LINE_SIZE 4096

/* Answers. */
#define REPLY "reply ip-4 127.0.0.1 round-trip-time 1"
#define NO_ROUTE "no-route"

typedef struct Fake {
    const char *name;               /* that it was started by */
    unsigned n_probes, n_questions; /* that it was given */
    unsigned n_skipped;             /* numbers that it was told to skip */
    unsigned n_at_hop[256];         /* probes with each hop limit, see route() */
    struct {
        int token;
        const char *answer;
    } held[HELD_MAX];
    unsigned n_held;
    bool stalls;           /* when it has answered what it keeps */
    bool full;             /* of as many as one user may have in flight */
    char input[LINE_SIZE]; /* read and not yet handled */
    size_t n_input;
} Fake;

/* The value of an argument in the line, or NULL; static. */
static const char *argument(const char *line, const char *name)
{
    static char value[256];
    char pattern[64];
    const char *found;

    snprintf(pattern, sizeof(pattern), " %s ", name);
    found = strstr(line, pattern);
    if (!found || sscanf(found + strlen(pattern), "%255s", value) != 1)
        return NULL;
    return value;
}

static void release(Fake *fake)
{
    unsigned n = fake->n_held;

    for (unsigned i = 0; i < n; i++)
        printf("%d %s held %u\n", fake->held[i].token, fake->held[i].answer, n);
    fake->n_held = 0;
    fake->full = false;
}

/* The time in which one too many would show, or another thing that should not be: if the machine is
 * slower, it is missed, not invented. */
#define A_WHILE_MS 300

/* What is held with this word has no arguments. */
static void release_no_route(Fake *fake)
{
    unsigned n = 0;

    for (unsigned i = 0; i < fake->n_held; i++) {
        if (strcmp(fake->held[i].answer, NO_ROUTE) == 0)
            printf("%d %s\n", fake->held[i].token, NO_ROUTE);
        else
            fake->held[n++] = fake->held[i];
    }
    fake->n_held = n;
    if (fake->stalls) {
        fflush(stdout);
        poll(NULL, 0, A_WHILE_MS);
    }
    fake->stalls = false;
}

/* A reply with a long word in it. */
static const char *long_reply(void)
{
    static char reply[LINE_SIZE - 64] = REPLY " note ";

    memset(reply + strlen(REPLY " note "), 'x', sizeof(reply) - 1 - strlen(REPLY " note "));
    return reply;
}

static void add_held(Fake *fake, int token, const char *answer)
{
    if (fake->n_held == HELD_MAX)
        exit(7);
    fake->held[fake->n_held].token = token;
    fake->held[fake->n_held++].answer = answer;
}

/* Holds a probe's answer back. At as many as one user may have in flight, it sees for a while
 * whether there are more, and answers all. */
static void hold(Fake *fake, int token)
{
    if (fake->full) {
        printf("%d too-many\n", token);
        return;
    }
    add_held(fake, token, REPLY);
    fake->full = fake->n_held >= FAKE_HELD_MAX;
}

/* Keeps a probe's answer back until SIGUSR1, which is let in by next_line() only. */
static void keep(Fake *fake, int token, const char *answer)
{
    sigset_t release_signal;

    sigemptyset(&release_signal);
    sigaddset(&release_signal, SIGUSR1);
    sigprocmask(SIG_BLOCK, &release_signal, NULL);
    add_held(fake, token, answer);
}

/* Reads no further for a while, and says how many lines lie there then. */
static void stall(Fake *fake, int token)
{
    unsigned n_lines = 0;
    ssize_t n;

    poll(NULL, 0, A_WHILE_MS);
    if (poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, 0) > 0) {
        n = read(STDIN_FILENO, fake->input + fake->n_input, sizeof(fake->input) - fake->n_input);
        if (n > 0)
            fake->n_input += (size_t)n;
    }
    for (size_t i = 0; i < fake->n_input; i++)
        n_lines += fake->input[i] == '\n';
    printf("%d stalled lines %u\n", token, n_lines);
}

/* Says what it is: its pid, how many probes and questions it was given, numbers skipped,
 * descriptors, their limit, blocked and ignored signals, capabilities, environment. */
static void inspect(const Fake *fake, int token)
{
    DIR *directory = opendir("/proc/self/fd");
    struct rlimit limit;
    char line[256];
    FILE *status;

    printf("%d inspected pid %d probes %u questions %u skipped %u fds ", token, getpid(),
           fake->n_probes, fake->n_questions, fake->n_skipped);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != dirfd(directory))
            printf("%s.", entry->d_name);
    closedir(directory);

    getrlimit(RLIMIT_NOFILE, &limit);
    printf(" nofile %lu-%lu", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);

    status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof(line), status)) {
        char key[32], value[64];

        if (sscanf(line, "%31[^:]: %63s", key, value) == 2 &&
            (strncmp(key, "Sig", 3) == 0 || strncmp(key, "Cap", 3) == 0 ||
             strcmp(key, "Uid") == 0 || strcmp(key, "NoNewPrivs") == 0))
            printf(" %s %s", key, value);
    }
    fclose(status);

    printf(" environment ");
    for (char **variable = environ; *variable; variable++)
        printf("%.*s.", (int)strcspn(*variable, "="), *variable);
    printf("\n");
}

/* The answer of the Nth probe to a hop on a way of five, or NULL for none. The second has two
 * routers that answer in turn, one with another label stack each time; the third loses every other
 * probe; the fourth tells nothing of itself. */
static const char *hop_answer(unsigned hop, unsigned n)
{
    switch (hop) {
    case 1:
        return "ttl-expired ip-4 10.0.1.1 round-trip-time 1";
    case 2:
        return n == 0   ? "ttl-expired ip-4 10.0.2.1 round-trip-time 1 mpls 16004,5,0,254,3,0,1,1"
               : n == 1 ? "ttl-expired ip-4 10.0.2.2 round-trip-time 1"
                        : "ttl-expired ip-4 10.0.2.1 round-trip-time 1 mpls 17,0,1,1";
    case 3:
        return n == 1 ? "ttl-expired ip-4 10.0.3.2 round-trip-time 1" : NULL;
    case 4:
        return NULL;
    default:
        return REPLY;
    }
}

static void route(Fake *fake, int token, const char *line)
{
    const char *ttl = argument(line, "ttl"), *answer;
    unsigned hop = ttl ? (unsigned)atoi(ttl) % 256 : 255;

    answer = hop_answer(hop, fake->n_at_hop[hop]++ % 3);
    if (answer)
        printf("%d %s\n", token, answer);
}

static void long_line(void)
{
    for (unsigned i = 0; i < 4097; i++)
        putchar('x');
    putchar('\n');
}

/* Answers what has the form of a probe and is none of a caller's. False if it is one. */
static bool handle_housekeeping(Fake *fake, int token, const char *line)
{
    const char *value = argument(line, "ip-4");

    if (value && strcmp(value, "none") == 0) {
        fake->n_skipped++;
        if (strcmp(fake->name, FAKE_NAME_CHOKING) == 0)
            exit(3);
        printf("%d %s\n", token,
               strcmp(fake->name, FAKE_NAME_GREEDY) == 0 ? REPLY : "invalid-argument");
        return true;
    }

    /* A look at where its numbers are. It has none, and nobody comes to know. */
    value = argument(line, "local-ip-4");
    if (value && strncmp(value, "127.", 4) == 0) {
        printf("%d no-reply\n", token);
        return true;
    }
    return false;
}

/* Ends, or does no more, or cannot be heard or told any more, if that is what the pattern says;
 * false if it is not. */
static bool handle_end(int token, int pattern)
{
    switch (pattern) {
    case FAKE_DIE:
        raise(SIGKILL);
        return true;
    case FAKE_EXIT:
        exit(3);
    case FAKE_ANSWER_AND_EXIT:
        printf("%d %s\n", token, REPLY);
        exit(4);
    case FAKE_CLOSE:
        close(STDOUT_FILENO);
        return true;
    case FAKE_CLOSE_INPUT:
        close(STDIN_FILENO);
        for (;;)
            pause();
    case FAKE_STUCK:
        printf("%d %s\n", token, REPLY);
        fflush(stdout);
        for (;;)
            pause();
    default:
        return false;
    }
}

static void handle_probe(Fake *fake, int token, const char *line)
{
    const char *text;
    int pattern;

    if (handle_housekeeping(fake, token, line))
        return;

    fake->n_probes++;
    text = argument(line, "bit-pattern");
    pattern = text ? atoi(text) : FAKE_REPLY;
    if (handle_end(token, pattern))
        return;

    switch (pattern) {
    case FAKE_GARBAGE:
        printf("Segmentation fault \x1b[31m\n");
        break;
    case FAKE_TOKEN_ZERO:
        printf("0 command-parse-error\n");
        break;
    case FAKE_TOKEN_UNKNOWN:
        printf("%d no-route\n", token + 1);
        break;
    case FAKE_TOKEN_TWICE:
        printf("%d no-route\n%d no-route\n", token, token);
        break;
    case FAKE_LONG_LINE:
        long_line();
        break;
    case FAKE_MPLS:
        poll(NULL, 0, 2); /* a time that did not pass is not believed */
        printf("%d ttl-expired ip-4 10.1.2.3 round-trip-time 1234 mpls 16004,5,0,254,3,0,1,1\n",
               token);
        break;
    case FAKE_MPLS_BROKEN:
        poll(NULL, 0, 2);
        printf("%d ttl-expired ip-4 10.1.2.3 round-trip-time 1234 mpls 16004,5,0\n", token);
        break;
    case FAKE_UNKNOWN:
        printf("%d wait-tcp-respone-timeout errno 110 address mine address-of nobody\n", token);
        break;
    case FAKE_HOLD:
        hold(fake, token);
        break;
    case FAKE_STALL:
        stall(fake, token);
        break;
    case FAKE_INSPECT:
        inspect(fake, token);
        break;
    case FAKE_NO_ROUTE:
        printf("%d %s\n", token, NO_ROUTE);
        break;
    case FAKE_ADDRESS_IN_USE:
        printf("%d address-in-use\n", token);
        break;
    case FAKE_KEEP:
        keep(fake, token, REPLY);
        break;
    case FAKE_KEEP_LONG:
        keep(fake, token, long_reply());
        break;
    case FAKE_KEEP_AND_BREAK:
        keep(fake, token, REPLY " held 1\nSegmentation fault");
        break;
    case FAKE_KEEP_AND_STALL:
        fake->stalls = true;
        keep(fake, token, NO_ROUTE);
        break;
    case FAKE_KEEP_NO_ROUTE:
        keep(fake, token, NO_ROUTE);
        break;
    case FAKE_ROUTE:
        route(fake, token, line);
        break;
    default:
        printf("%d %s\n", token, REPLY);
    }
}

/* Closes its input, and only then answers, when whoever writes has seen it; and lives on. */
static void grow_deaf(int token)
{
    close(STDIN_FILENO);
    poll(NULL, 0, A_WHILE_MS);
    printf("%d feature-support support 0.fake\n", token);
    fflush(stdout);
    for (;;)
        pause();
}

static void handle_question(Fake *fake, int token, const char *line)
{
    const char *feature = argument(line, "feature");

    fake->n_questions++;
    if (strcmp(feature, "release") == 0)
        release(fake);

    if (strcmp(feature, "version") == 0 && strcmp(fake->name, FAKE_NAME_DEAF) == 0)
        grow_deaf(token);
    else if (strcmp(feature, "version") == 0)
        printf("%d feature-support support 0.fake\n", token);
    else if (strcmp(fake->name, FAKE_NAME_NO_PROBES) == 0)
        printf("%d unknown-command\n", token);
    else
        printf("%d feature-support support ok\n", token);
}

static void on_release(int signal_number)
{
}

/*
 * The next line, or NULL at the end. SIGUSR1 releases what is kept: it is let in only here, where
 * there is nothing to read, so that it comes after all that was written before it.
 */
static const char *next_line(Fake *fake, char line[static LINE_SIZE])
{
    static const struct timespec a_while = {.tv_nsec = A_WHILE_MS * 1000 * 1000};
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char *end;
    ssize_t n;

    while (!(end = memchr(fake->input, '\n', fake->n_input))) {
        sigset_t none;

        sigemptyset(&none);
        if (ppoll(&input, 1, fake->full ? &a_while : NULL, &none) <= 0) {
            release_no_route(fake);
            release(fake);
            fflush(stdout);
            continue;
        }
        n = read(STDIN_FILENO, fake->input + fake->n_input, sizeof(fake->input) - fake->n_input);
        if (n <= 0)
            return NULL;
        fake->n_input += (size_t)n;
    }

    *end++ = '\0';
    strcpy(line, fake->input);
    fake->n_input -= (size_t)(end - fake->input);
    memmove(fake->input, end, fake->n_input);
    return line;
}

int main(int argc, char *argv[])
{
    const struct sigaction action = {.sa_handler = on_release};
    Fake fake = {.name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0]};
    char line[LINE_SIZE], word[32];
    int token;

    /* Whole lines, as mtr-packet's are: but buffered further than a pipe needs, so that it must
     * flush. */
    setvbuf(stdout, NULL, _IOLBF, 8192);

    while (strcmp(fake.name, FAKE_NAME_LATE) == 0 && access(FAKE_GO, F_OK) < 0)
        poll(NULL, 0, 10);

    sigaction(SIGUSR1, &action, NULL);
    while (next_line(&fake, line)) {
        if (strcmp(fake.name, FAKE_NAME_SILENT) == 0)
            continue;
        if (sscanf(line, "%d %31s", &token, word) != 2)
            return 5;
        if (strcmp(word, "send-probe") == 0)
            handle_probe(&fake, token, line);
        else
            handle_question(&fake, token, line);
        fflush(stdout);
    }
    return 0;
}
