/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A look at all calls of the service and all its answers, as the bus sees them: a client cannot
 * tell whether one of its calls was answered twice, since a bus does not pass the second answer on.
 * A process of its own, which counts on the board, and ends with the bus.
 */

/** tally_main() - be it */
int tally_main(void);
