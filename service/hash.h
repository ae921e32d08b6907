/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * uthash as this project uses it. By default uthash ends the program when memory runs out, which
 * would let one caller end everybody's service. With this header a failed HASH_ADD leaves
 * `element->hh.tbl` NULL (the handle's name may differ), and HASH_ADDED says so.
 */

#define HASH_NONFATAL_OOM 1
#include <uthash.h> /* IWYU pragma: export */
#include <utlist.h> /* IWYU pragma: export */

/* Whether the last HASH_ADD of ELEMENT by its handle HH went in; false means out of memory. */
#define HASH_ADDED(hh_name, element) ((element)->hh_name.tbl != NULL)
