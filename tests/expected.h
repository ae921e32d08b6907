/* SPDX-License-Identifier: MIT */
#pragma once

/**
 * assert_expected() - check that a text is the one in the file @name of tests/expected
 *
 * In both, what varies from run to run does not count: such are times, see expected.c. There, \e
 * stands for the escape character, which a file is better without.
 */
void assert_expected(const char *name, const char *text);
