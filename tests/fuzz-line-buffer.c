/* SPDX-License-Identifier: MIT */

/*
 * The line buffer, and the line reader on top of it, with any bytes in any pieces: the lines are
 * those of the whole text, whatever the pieces. An input is
 *
 *     MODE N-PIECES PIECE... TEXT
 *
 * MODE, a character: '0' to '7' is a line's bound, see bounds[]; with 'A' to 'H' reading ends at
 * what is too long, and '@' is the line reader. N-PIECES is '0' and so many pieces; a PIECE is '0'
 * and so many bytes, and after the last comes the first again. In the text "\xff" N C stands for 17
 * times N of C.
 */

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "line-buffer.h"
#include "line-reader.h"
#include "util.h"

/* More than the buffer holds. */
#define TEXT_MAX 20000

/* Then the rest comes at once: each costs a turn of the loop, or a move of an unfinished line. */
#define PIECES_MAX 300

static const size_t bounds[] = {4096, 4094, 80, 16, 4, 2, 1, 0};

/* The text, and where the next line or what is too long for one is expected. */
typedef struct Text {
    char *bytes;
    size_t size, at;
    size_t line_max;
    bool discards; /* what is too long, and goes on */
    bool is_over;  /* at what was too long */
    size_t n_read; /* of the text: no line may come before its newline has */
} Text;

static void text_append(Text *text, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        size_t n = 1;

        if (data[i] == 0xff && i + 2 < size) {
            n = 17 * (size_t)data[i + 1];
            i += 2;
        }
        for (; n > 0 && text->size < TEXT_MAX; n--)
            text->bytes[text->size++] = (char)data[i];
    }
}

/* The next line is the one that is expected. */
static void check_line(Text *text, const char *line, size_t length)
{
    const char *expected = text->bytes + text->at;
    const char *newline = memchr(expected, '\n', text->size - text->at);

    CHECK(!text->is_over && newline);
    CHECK(length == (size_t)(newline - expected) && length <= text->line_max);
    CHECK(memcmp(line, expected, length) == 0 && line[length] == '\0');
    text->at += length + 1;
    CHECK(text->at <= text->n_read);
}

static void check_too_long(Text *text)
{
    CHECK(text->n_read - text->at > text->line_max);
    CHECK(!memchr(text->bytes + text->at, '\n', text->line_max + 1));
    text->at += text->line_max + 1;
    text->is_over = !text->discards;
}

/* There is nothing more in what has been read. */
static void check_empty(const Text *text)
{
    CHECK(text->n_read - text->at <= text->line_max);
    CHECK(!memchr(text->bytes + text->at, '\n', text->n_read - text->at));
}

static void take_lines(Text *text, LineBuffer *buffer)
{
    size_t length;
    char *line;
    int r;

    while ((r = line_buffer_next(buffer, &line, &length)) != LINE_BUFFER_E_EMPTY) {
        if (r == 0) {
            check_line(text, line, length);
            memset(line, '\n', length); /* it may be changed */
            continue;
        }
        CHECK(r == LINE_BUFFER_E_TOO_LONG);
        CHECK(line_buffer_next(buffer, &line, &length) == LINE_BUFFER_E_TOO_LONG);
        check_too_long(text);
        if (text->is_over)
            return;
        line_buffer_discard(buffer);
    }
    check_empty(text);
}

static void try_buffer(Text *text, const uint8_t *pieces, size_t n_pieces)
{
    LineBuffer *buffer = malloc(sizeof(*buffer));

    CHECK(buffer);
    line_buffer_init(buffer, text->line_max);
    for (size_t i = 0; text->n_read < text->size && !text->is_over; i++) {
        size_t wanted = i < PIECES_MAX && n_pieces > 0 ? (uint8_t)(pieces[i % n_pieces] - '0')
                                                       : TEXT_MAX,
               space;
        size_t left = text->size - text->n_read;
        char *place = line_buffer_space(buffer, &space);

        wanted = wanted < 1 ? 1 : wanted;
        wanted = wanted < left ? wanted : left;
        CHECK(space > 0);
        wanted = wanted < space ? wanted : space;
        memcpy(place, text->bytes + text->n_read, wanted);
        line_buffer_fill(buffer, wanted);
        text->n_read += wanted;
        take_lines(text, buffer);
    }
    free(buffer);
}

/*
 * The reader
 */

typedef struct Reading {
    Text *text;
    LineReader reader;
    bool has_ended;
} Reading;

static bool on_line(void *userdata, char *line, size_t length)
{
    Reading *reading = userdata;

    check_line(reading->text, line, length);
    return true;
}

static void on_drained(void *userdata)
{
    check_empty(((Reading *)userdata)->text);
}

static void on_too_long(void *userdata)
{
    Reading *reading = userdata;

    check_too_long(reading->text);
    line_reader_deinit(&reading->reader);
}

static void on_ended(void *userdata)
{
    Reading *reading = userdata;

    CHECK(!reading->has_ended);
    reading->has_ended = true;
}

static void run_once(sd_event *event)
{
    while (sd_event_run(event, 0) > 0)
        ;
}

static void try_reader(Text *text, const uint8_t *pieces, size_t n_pieces)
{
    static const LineReaderEvents events = {on_line, on_drained, on_too_long, on_ended};
    static sd_event *event;
    Reading reading = {.text = text};
    uint64_t n_read = 0;
    int fds[2];

    CHECK(event || sd_event_new(&event) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(line_reader_init(&reading.reader, event, 0, fds[0], &n_read, &events, &reading) == 0);
    for (size_t i = 0; text->n_read < text->size && !text->is_over; i++) {
        size_t wanted =
            i < PIECES_MAX && n_pieces > 0 ? (uint8_t)(pieces[i % n_pieces] - '0') : 8192;
        size_t left = text->size - text->n_read;

        wanted = wanted < 1 ? 1 : wanted;
        wanted = wanted < left ? wanted : left;
        CHECK(write(fds[1], text->bytes + text->n_read, wanted) == (ssize_t)wanted);
        text->n_read += wanted;
        run_once(event);
        CHECK(text->is_over || n_read == text->n_read);
    }
    close(fds[1]);
    run_once(event);
    CHECK(reading.has_ended == !text->is_over);
    line_reader_deinit(&reading.reader);
    close(fds[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text text = {0};
    size_t n_pieces;
    uint8_t mode;

    if (size < 2)
        return 0;
    mode = data[0];
    n_pieces = (uint8_t)(data[1] - '0') % 16;
    if (size < 2 + n_pieces)
        return 0;
    text.bytes = malloc(TEXT_MAX);
    CHECK(text.bytes);
    text_append(&text, data + 2 + n_pieces, size - 2 - n_pieces);
    text.line_max = mode == '@' ? LINE_BUFFER_LINE_MAX : bounds[(mode - (mode & 0x40 ? 1 : 0)) & 7];
    text.discards = !(mode & 0x40);
    if (mode == '@')
        try_reader(&text, data + 2, n_pieces);
    else
        try_buffer(&text, data + 2, n_pieces);
    free(text.bytes);
    return 0;
}
