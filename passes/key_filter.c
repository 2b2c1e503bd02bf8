// SPDX-License-Identifier: Apache-2.0
/* key_filter: a set of the map's keys in the image decides which lookups miss.
 *
 * When:    level 2, for maps whose values programs write and whose keys they do not.
 * Knows:   the site's only map, its class, a complete snapshot.
 * Assumes: exactly the snapshot's keys are present. Data-level: the set can be patched.
 * Does:    one stub: NULL if the key is not in the set (all bytes compared), else the lookup
 *          itself, so that values and counters stay in the map.
 * Not:     LRU maps, whose hits have side effects on what is evicted; tries, which match prefixes.
 * Refuses: NO_MAP_TYPE, NO_MAP_LIVE, NO_BUDGET.
 * Source:  kernel/bpf/hashtab.c __htab_map_lookup_elem(): memcmp of the whole key, and a miss has
 *          no side effect.
 */
#include <assert.h>

#include "compiler/pass.h"

/* Map types whose lookups match whole keys and change nothing. */
static const bool has_exact_keys[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = true,
	[BPF_MAP_TYPE_PERCPU_HASH] = true,
};

/* What keeps the keys as they are. */
static const enum hone_enforcement keeps_keys[] = {
	[HONE_CLASS_FIXED] = HONE_NONE_NEEDED,
	[HONE_CLASS_CONFIG] = HONE_GUARDED,
	[HONE_CLASS_KEYS_FIXED] = HONE_GUARDED,
	[HONE_CLASS_LIVE] = HONE_UNENFORCED,
};
static_assert(sizeof(keeps_keys) / sizeof(keeps_keys[0]) == HONE_CLASS_N,
	      "a new map class needs an enforcement here");

static enum hone_reason refusal(const struct hone_map *map, const struct hone_policy *policy)
{
	if (map->type >= HONE_MAP_TYPE_N || !has_exact_keys[map->type])
		return HONE_NO_MAP_TYPE;
	if (keeps_keys[map->class] == HONE_UNENFORCED)
		return HONE_NO_MAP_LIVE;
	if (map->n_entries > policy->max_entries)
		return HONE_NO_BUDGET;
	return HONE_REWRITTEN;
}

enum hone_reason hone_pass_key_filter(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	const struct hone_map *map = hone_site_map(cx, site);
	enum hone_reason reason = refusal(map, hone_policy(cx));
	uint32_t table;

	if (reason != HONE_REWRITTEN)
		return reason;
	if (hone_table_key_set(cx, map, &table))
		return HONE_NO_BUDGET;

	hone_assume(cx, &(struct hone_assumption){
				.kind = HONE_ASSUME_KEYS,
				.map = map->index,
				.site = site->id,
				.effect = HONE_DATA_LEVEL,
				.enforcement = keeps_keys[map->class],
			});
	hone_stub_key_filter(cx, site, table);
	return HONE_REWRITTEN;
}
