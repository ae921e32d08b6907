/* SPDX-License-Identifier: MIT */
#pragma once

/* The commands of mtrpacketctl, a file each. */

#include "ctl.h"

/* Their arguments begin at @argv[1]. Return: an exit status. */
int verb_check_support(Ctl *ctl, int argc, char *argv[]);
int verb_ping(Ctl *ctl, int argc, char *argv[]);
int verb_probe(Ctl *ctl, int argc, char *argv[]);
int verb_status(Ctl *ctl, int argc, char *argv[]);
int verb_trace(Ctl *ctl, int argc, char *argv[]);
