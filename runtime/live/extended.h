/* SPDX-License-Identifier: Apache-2.0 */
/* extended: what other programs do to a program itself, or could: freplace, fentry, fexit. An image
 * has the code of functions in it that others may replace or follow in the original. */
#ifndef HONE_EXTENDED_H
#define HONE_EXTENDED_H

#include "compiler/facts.h"

/* hone_has_global_functions() - functions, besides the program itself, which freplace programs may
 * replace while it runs (those of libxdp's dispatcher are made for it). What cannot be told counts
 * as such. */
bool hone_has_global_functions(const struct hone_unit *unit);

/* hone_extension_find() - a link by which another program is attached to one of these. 0 in
 * prog_ids: none. Returns its id, 0 (none), or -errno. */
int64_t hone_extension_find(const uint32_t *prog_ids, uint32_t n);

#endif
