/* SPDX-License-Identifier: MIT */
#pragma once

/* A run of mtrpacketctl by a client of the soak. */

#include "soak-client.h"

/** soak_program_new() - run it with a random probe; it takes itself away when it has ended */
SoakProgram *soak_program_new(Client *client);
