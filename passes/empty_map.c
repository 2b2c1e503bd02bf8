// SPDX-License-Identifier: Apache-2.0
/* empty_map: a lookup in a map that holds no entry returns NULL.
 *
 * When:    level 1, first of the passes: a site folded here costs the others nothing.
 * Knows:   the site's only map, its class, a complete snapshot (the runner checked `needs`).
 * Assumes: no key is present. Code-level: after the first insertion the image is stale.
 * Does:    one stub that yields NULL; LLVM then drops the hit branch.
 * Not:     arrays, whose keys are present from creation on.
 * Refuses: NO_ABSENT_KEYS, NO_MAP_LIVE, NO_MAP_NOT_EMPTY.
 * Source:  kernel/bpf/hashtab.c, lpm_trie.c lookups: a miss has no side effect.
 */
#include <assert.h>

#include "compiler/pass.h"

/* Map types in which a key can be absent. A type without a row is refused. */
static const bool has_absent_keys[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = true,	[BPF_MAP_TYPE_PERCPU_HASH] = true,
	[BPF_MAP_TYPE_LRU_HASH] = true, [BPF_MAP_TYPE_LRU_PERCPU_HASH] = true,
	[BPF_MAP_TYPE_LPM_TRIE] = true,
};

/* What keeps the map empty. In a live map a packet may add a key unseen. */
static const enum hone_enforcement keeps_empty[] = {
	[HONE_CLASS_FIXED] = HONE_NONE_NEEDED,
	[HONE_CLASS_CONFIG] = HONE_GUARDED,
	[HONE_CLASS_KEYS_FIXED] = HONE_GUARDED,
	[HONE_CLASS_LIVE] = HONE_UNENFORCED,
};
static_assert(sizeof(keeps_empty) / sizeof(keeps_empty[0]) == HONE_CLASS_N,
	      "a new map class needs an enforcement here");

/* Why this map cannot be taken as empty; HONE_REWRITTEN if it can. */
static enum hone_reason refusal(const struct hone_map *map)
{
	if (map->type >= HONE_MAP_TYPE_N || !has_absent_keys[map->type])
		return HONE_NO_ABSENT_KEYS;
	if (keeps_empty[map->class] == HONE_UNENFORCED)
		return HONE_NO_MAP_LIVE;
	if (map->n_entries > 0)
		return HONE_NO_MAP_NOT_EMPTY;
	return HONE_REWRITTEN;
}

enum hone_reason hone_pass_empty_map(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	const struct hone_map *map = hone_site_map(cx, site);
	enum hone_reason reason = refusal(map);

	if (reason != HONE_REWRITTEN)
		return reason;

	hone_assume(cx, &(struct hone_assumption){
				.kind = HONE_ASSUME_NO_KEYS,
				.map = map->index,
				.site = site->id,
				.effect = HONE_CODE_LEVEL,
				.enforcement = keeps_empty[map->class],
			});
	hone_stub_null(cx, site);
	return HONE_REWRITTEN;
}
