/* SPDX-License-Identifier: MIT */

#include "number-use.h"

#include <syslog.h>

#include "log.h"
#include "util.h"

static void on_seen(NumberSight *sight, unsigned number)
{
    NumberUse *use = CONTAINER_OF(sight, NumberUse, sight);
    unsigned first = NUMBERS_FIRST + use->numbers.skip;
    unsigned end =
        NUMBERS_FIRST + NUMBERS_SHARED_LIFE + (use->numbers.range + 1) * NUMBERS_OWN_SIZE;

    if (number >= first && number < end - NUMBERS_MARGIN)
        return;
    log_message(LOG_INFO, "mtr-packet [%d] is at number %u, out of %u to %u: it is replaced",
                (int)use->pid, number, first, end - 1);
    number_use_end(use);
}

void number_use_init(NumberUse *use, const Numbers *numbers)
{
    *use = (NumberUse){.numbers = *numbers, .sight.seen = on_seen};
}

void number_use_deinit(NumberUse *use)
{
    number_sight_end(&use->sight);
}

void number_use_count(NumberUse *use)
{
    use->n_used++;
}

void number_use_end(NumberUse *use)
{
    use->n_used = use->numbers.life;
}

bool number_use_is_up(const NumberUse *use)
{
    return use->n_used >= use->numbers.life;
}

bool number_use_has_spare(const NumberUse *use)
{
    return use->n_used < use->numbers.life + NUMBERS_AGAIN;
}

unsigned number_use_total(const NumberUse *use)
{
    return use->n_used + use->n_looks;
}

const PacketCommand *number_use_look(NumberUse *use, sd_event *event, int64_t priority)
{
    const PacketCommand *command;

    if (use->numbers.skip == 0 ||
        (use->n_looks > 0 && use->n_used - use->n_used_then < NUMBERS_LOOK))
        return NULL;
    use->n_used_then = use->n_used;

    command = number_sight_begin(&use->sight, event, priority);
    if (command)
        use->n_looks++;
    return command;
}

void number_use_looked(NumberUse *use)
{
    /* What the answer says does not count, but what came to us before. */
    number_sight_end(&use->sight);
}
