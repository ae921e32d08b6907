/* SPDX-License-Identifier: MIT */

#include <glib.h>

#include "token-bucket.h"

#define USEC_PER_SEC G_GUINT64_CONSTANT(1000000)
#define NSEC_PER_SEC G_GUINT64_CONSTANT(1000000000)

/* Some time after the machine's start; nothing depends on it. */
#define START (1000 * USEC_PER_SEC)

static unsigned take_all(TokenBucket *bucket, uint64_t now)
{
    unsigned n = 0;

    while (token_bucket_take(bucket, now))
        n++;
    return n;
}

/* So many at once, and then one in each interval, neither earlier nor later. */
static void test_burst_and_rate(void)
{
    static const struct {
        unsigned rate, burst;
        uint64_t interval_usec;
    } rows[] = {{1, 1, USEC_PER_SEC}, {1, 1000, USEC_PER_SEC}, {1000, 1, 1000},
                {1000, 1000, 1000},   {1000000, 1, 1},         {1000000, 1000000, 1},
                {1, 1000000, 1000000}};

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t now = START;
        TokenBucket bucket;

        token_bucket_init(&bucket, NSEC_PER_SEC / rows[i].rate, rows[i].burst);
        g_assert_cmpuint(token_bucket_next(&bucket), <=, now);
        g_assert_cmpuint(token_bucket_full(&bucket), <=, now);
        g_assert_cmpuint(take_all(&bucket, now), ==, rows[i].burst);
        for (unsigned n = 0; n < 3; n++) {
            g_assert_cmpuint(token_bucket_next(&bucket), ==, now + rows[i].interval_usec);
            g_assert_cmpuint(token_bucket_full(&bucket), ==,
                             now + rows[i].burst * rows[i].interval_usec);
            g_assert_false(token_bucket_take(&bucket, now + rows[i].interval_usec - 1));
            now += rows[i].interval_usec;
            g_assert_true(token_bucket_take(&bucket, now));
            g_assert_false(token_bucket_take(&bucket, now));
        }
    }
}

/* A rest fills it, in part or whole, and never with more than it holds. */
static void test_rest(void)
{
    uint64_t now = START;
    TokenBucket bucket;

    token_bucket_init(&bucket, NSEC_PER_SEC / 1000, 10);
    g_assert_cmpuint(take_all(&bucket, now), ==, 10);
    now += 4999;
    g_assert_cmpuint(take_all(&bucket, now), ==, 4);
    now += 1; /* what had come of the fifth is not lost */
    g_assert_cmpuint(take_all(&bucket, now), ==, 1);

    now = token_bucket_full(&bucket) - 1;
    g_assert_cmpuint(take_all(&bucket, now), ==, 9);
    now = token_bucket_full(&bucket);
    g_assert_cmpuint(take_all(&bucket, now), ==, 10);
    now += 3600 * USEC_PER_SEC;
    g_assert_cmpuint(take_all(&bucket, now), ==, 10);
}

/* What is owed puts off the next token, by as much. */
static void test_debt(void)
{
    TokenBucket bucket;

    token_bucket_init(&bucket, NSEC_PER_SEC, 2);
    token_bucket_owe(&bucket, START);
    g_assert_cmpuint(token_bucket_next(&bucket), ==, START);
    g_assert_cmpuint(take_all(&bucket, START), ==, 1);

    for (unsigned i = 0; i < 3; i++)
        token_bucket_owe(&bucket, START);
    g_assert_cmpuint(token_bucket_next(&bucket), ==, START + 4 * USEC_PER_SEC);
    g_assert_cmpuint(token_bucket_full(&bucket), ==, START + 5 * USEC_PER_SEC);
    g_assert_false(token_bucket_take(&bucket, START + 4 * USEC_PER_SEC - 1));
    g_assert_cmpuint(take_all(&bucket, START + 4 * USEC_PER_SEC), ==, 1);

    /* The slowest with the most, and as much again as debt. */
    token_bucket_init(&bucket, NSEC_PER_SEC, 1000000);
    for (unsigned i = 0; i < 2000000; i++)
        token_bucket_owe(&bucket, START);
    g_assert_cmpuint(token_bucket_next(&bucket), ==, START + 1000001 * USEC_PER_SEC);
    g_assert_cmpuint(token_bucket_full(&bucket), ==, START + 2000000 * USEC_PER_SEC);
}

/* An interval that is no whole number of microseconds is kept to in the long run. */
static void test_parts_of_microseconds(void)
{
    const uint64_t interval_ns = NSEC_PER_SEC / 700000;
    uint64_t now = START;
    TokenBucket bucket;
    unsigned n = 0;

    token_bucket_init(&bucket, interval_ns, 2);
    g_assert_cmpuint(take_all(&bucket, now), ==, 2);
    for (;;) {
        uint64_t next = token_bucket_next(&bucket);

        g_assert_cmpuint(next, >, now);
        g_assert_false(token_bucket_take(&bucket, next - 1));
        if (next > START + USEC_PER_SEC)
            break;
        now = next;
        g_assert_cmpuint(take_all(&bucket, now), ==, 1);
        n++;
    }
    g_assert_cmpuint(n, ==, NSEC_PER_SEC / interval_ns);
}

/* Which holds what it holds, and is filled as time passes. */
typedef struct Model {
    int64_t level_ns, full_ns, interval_ns;
} Model;

static void model_pass(Model *model, uint64_t usec)
{
    model->level_ns = MIN(model->level_ns + (int64_t)usec * 1000, model->full_ns);
}

/* When, from now on, it will hold as much as this. */
static uint64_t model_when(const Model *model, int64_t level_ns, uint64_t now)
{
    return model->level_ns >= level_ns ? now
                                       : now + (uint64_t)(level_ns - model->level_ns + 999) / 1000;
}

/* Whatever is done in whatever order, it does what the model does. */
static void test_model(void)
{
    for (unsigned round = 0; round < 200; round++) {
        uint64_t interval_ns =
            NSEC_PER_SEC / (uint64_t)g_test_rand_int_range(1, g_test_rand_bit() ? 20 : 1000001);
        unsigned burst = (unsigned)g_test_rand_int_range(1, g_test_rand_bit() ? 5 : 1000001);
        Model model = {.level_ns = (int64_t)(burst * interval_ns),
                       .full_ns = (int64_t)(burst * interval_ns),
                       .interval_ns = (int64_t)interval_ns};
        int32_t pause_max = (int32_t)(3 * interval_ns / 1000 + 2);
        uint64_t now = START;
        TokenBucket bucket;

        token_bucket_init(&bucket, interval_ns, burst);
        for (unsigned step = 0; step < 1000; step++) {
            uint64_t pause = 0;

            switch (g_test_rand_int_range(0, 4)) {
            case 0:
                pause = (uint64_t)g_test_rand_int_range(0, pause_max);
                break;
            case 1:
                token_bucket_owe(&bucket, now);
                model.level_ns -= model.interval_ns;
                break;
            default:
                g_assert_cmpint(token_bucket_take(&bucket, now), ==,
                                model.level_ns >= model.interval_ns);
                if (model.level_ns >= model.interval_ns)
                    model.level_ns -= model.interval_ns;
            }
            now += pause;
            model_pass(&model, pause);

            /* What is past may be any time that is. */
            g_assert_cmpuint(MAX(token_bucket_next(&bucket), now), ==,
                             model_when(&model, model.interval_ns, now));
            g_assert_cmpuint(MAX(token_bucket_full(&bucket), now), ==,
                             model_when(&model, model.full_ns, now));
        }
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token-bucket/burst-and-rate", test_burst_and_rate);
    g_test_add_func("/token-bucket/rest", test_rest);
    g_test_add_func("/token-bucket/debt", test_debt);
    g_test_add_func("/token-bucket/parts-of-microseconds", test_parts_of_microseconds);
    g_test_add_func("/token-bucket/model", test_model);
    return g_test_run();
}
