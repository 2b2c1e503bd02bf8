/* SPDX-License-Identifier: Apache-2.0 */
/* targets: the programs behind a unit's tail calls, on copies of their maps. */
#ifndef HONE_TARGETS_H
#define HONE_TARGETS_H

#include "runtime/live/chain.h"

/* hone_targets_load() - fill the PROG_ARRAYs of `copies` (of from, empty so far) as those of
 * `from` are, with copies of the chain's programs that work on `copies`. Other entries, which no
 * tail call of the chain can name, stay empty.
 *
 * unit:   whose maps these are: the chain's, if there is one
 * chain:  NULL: none is known, and the arrays must be empty
 * spied:  the copies note where they redirect to (spy.h), in the map behind the last of unit
 * detail: on failure what failed, or the end of the verifier's log
 *
 * The arrays keep the programs. Returns 0, -ENOTSUP (a program, and no chain), or -errno. */
int hone_targets_load(const struct hone_unit *unit, const struct hone_chain *chain,
		      const struct hone_maps *from, const struct hone_maps *copies, bool spied,
		      char *detail);

/* hone_targets_redirect() - does one of them redirect packets? chain: may be NULL. */
bool hone_targets_redirect(const struct hone_chain *chain);

#endif
