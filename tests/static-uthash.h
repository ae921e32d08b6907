/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What tests/static has the analysers see in the place of uthash's macros: that an entry is handed
 * over, and that one may be found. The macros themselves, a hash function in each of them, are
 * nothing that we could mend, take gcc's analyser minutes, and look to all of them like leaks: a
 * table keeps the address of the handle within the entry only.
 *
 * Each function is declared and nowhere defined: what it does is unknown to an analyser, which so
 * expects everything of it.
 */

#define HASH_NONFATAL_OOM 1
#include <stddef.h>
#include <uthash.h>

void *static_find(const void *table, const void *key, size_t length);
UT_hash_table *static_add(void *table, const void *key, size_t length, void *entry);
void static_delete(void *table, void *entry);

#undef HASH_FIND
#define HASH_FIND(hh, table, key, length, entry) ((entry) = static_find((table), (key), (length)))

#undef HASH_ADD_KEYPTR
#define HASH_ADD_KEYPTR(hh, table, key, length, entry)                                             \
    ((entry)->hh.tbl = static_add(&(table), (key), (length), (entry)))

#undef HASH_ADD
#define HASH_ADD(hh, table, member, length, entry)                                                 \
    HASH_ADD_KEYPTR(hh, table, &(entry)->member, length, entry)

#undef HASH_DELETE
#define HASH_DELETE(hh, table, entry) static_delete(&(table), (entry))
