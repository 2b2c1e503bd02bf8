/* SPDX-License-Identifier: Apache-2.0 */
/* difference: in what two runs of packets differ, as a set: so that what differs each time can be
 * told from what differs by chance. */
#ifndef HONE_DIFFERENCE_H
#define HONE_DIFFERENCE_H

#include "runtime/deploy/outcome.h"

/* Members of a set: fields of an outcome, bytes of context and packet, then for each map one for
 * its keys (or, of a ring, its events) and one for each byte of its values, of all keys. */
enum {
	HONE_DIFFERS_ERROR,
	HONE_DIFFERS_VERDICT,
	HONE_DIFFERS_SIZE,
	HONE_DIFFERS_REDIRECT,
	HONE_DIFFERS_CONTEXT = 64,
	HONE_DIFFERS_BYTES = HONE_DIFFERS_CONTEXT + HONE_CONTEXT_BYTES,
	HONE_DIFFERS_MAPS = HONE_DIFFERS_BYTES + HONE_OUTCOME_BYTES,
};

struct hone_differences {
	const struct hone_unit *unit;	    /* whose maps; borrowed */
	uint32_t map_at[HONE_MAPS_MAX + 1]; /* the first member of each map */
	uint32_t n_words;
	uint64_t *words;
};

/* hone_differences_new() - an empty set. 0 or -ENOMEM; freed with hone_differences_free(). */
int hone_differences_new(const struct hone_unit *unit, struct hone_differences *out);
void hone_differences_free(struct hone_differences *set);

void hone_differences_clear(struct hone_differences *set);
void hone_differences_add(struct hone_differences *set, uint32_t member);
bool hone_differences_has(const struct hone_differences *set, uint32_t member);
bool hone_differences_is_empty(const struct hone_differences *set);
bool hone_differences_have_common(const struct hone_differences *a,
				  const struct hone_differences *b);
/* Of sets of one unit: into |= from; into &= from; into &= ~from. */
void hone_differences_join(struct hone_differences *into, const struct hone_differences *from);
void hone_differences_keep(struct hone_differences *into, const struct hone_differences *from);
void hone_differences_drop(struct hone_differences *into, const struct hone_differences *from);
/* Everything about one map. */
void hone_differences_join_map(struct hone_differences *into, uint32_t map);

/* hone_differences_of_outcomes() - add what differs. */
void hone_differences_of_outcomes(struct hone_differences *set, const struct hone_outcome *a,
				  const struct hone_outcome *b);
/* hone_differences_of_maps() - add what differs in copies of the unit's maps (-1 in b: left out).
 * Returns 0 or -errno. */
int hone_differences_of_maps(struct hone_differences *set, const struct hone_maps *a,
			     const struct hone_maps *b);

/* hone_differences_find() - describe the first key that differs in a member of the set.
 * Returns 1 (detail is filled), 0 (there is none), or -errno. */
int hone_differences_find(const struct hone_differences *set, const struct hone_maps *a,
			  const struct hone_maps *b, char *detail);

/* hone_differences_text() - the set in words, cut at size: "verdict; map x: value bytes 0-7". */
void hone_differences_text(const struct hone_differences *set, char *text, size_t size);

#endif
