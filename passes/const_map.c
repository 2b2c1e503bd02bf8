// SPDX-License-Identifier: Apache-2.0
/* const_map: an array's value at a constant index that no program writes is a constant.
 *
 * When:    level 1.
 * Knows:   the site's only map, its class, a complete snapshot, the key if it is a constant.
 * Assumes: the values are the snapshot's. Code-level: what the value decided is folded.
 * Does:    one stub that yields the address of constant bytes, or NULL for an index outside.
 * Not:     per-CPU arrays, whose value depends on where the packet is met; variable indexes,
 *          which cost nothing in an array.
 * Refuses: NO_MAP_TYPE, NO_MAP_LIVE, NO_VALUES_WRITTEN, NO_CONSTANT_KEY, NO_ADDRESS_USED,
 *          NO_BUDGET.
 * Source:  kernel/bpf/arraymap.c array_map_lookup_elem(): NULL from max_entries on.
 */
#include <assert.h>
#include <string.h>

#include "compiler/pass.h"

/* What keeps the values as they are. */
static const enum hone_enforcement keeps_values[] = {
	[HONE_CLASS_FIXED] = HONE_NONE_NEEDED,
	[HONE_CLASS_CONFIG] = HONE_GUARDED,
	[HONE_CLASS_KEYS_FIXED] = HONE_UNENFORCED,
	[HONE_CLASS_LIVE] = HONE_UNENFORCED,
};
static_assert(sizeof(keeps_values) / sizeof(keeps_values[0]) == HONE_CLASS_N,
	      "a new map class needs an enforcement here");

static enum hone_reason refusal(const struct hone_map *map, const struct hone_site *site)
{
	if (map->type != BPF_MAP_TYPE_ARRAY)
		return HONE_NO_MAP_TYPE;
	if (map->class == HONE_CLASS_LIVE)
		return HONE_NO_MAP_LIVE;
	if (keeps_values[map->class] == HONE_UNENFORCED)
		return HONE_NO_VALUES_WRITTEN;
	if (!site->key_is_known)
		return HONE_NO_CONSTANT_KEY;
	if (site->address_used)
		return HONE_NO_ADDRESS_USED;
	return HONE_REWRITTEN;
}

/* The entry of the index; NULL: the snapshot has none, it holds zeros. */
static const uint8_t *find_value(const struct hone_map *map, uint32_t index)
{
	for (uint32_t i = 0; i < map->n_entries; i++)
		if (!memcmp(map->keys + (size_t)i * map->key_size, &index, sizeof(index)))
			return hone_map_value(map, i, 0);
	return NULL;
}

static int fold(struct hone_pass_ctx *cx, const struct hone_site *site, const struct hone_map *map)
{
	if (site->key >= map->max_entries) {
		hone_stub_null(cx, site);
		return 0;
	}
	return hone_stub_const(cx, site, find_value(map, site->key), map->value_size);
}

enum hone_reason hone_pass_const_map(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	const struct hone_map *map = hone_site_map(cx, site);
	enum hone_reason reason = refusal(map, site);

	if (reason != HONE_REWRITTEN)
		return reason;
	if (fold(cx, site, map))
		return HONE_NO_BUDGET;

	hone_assume(cx, &(struct hone_assumption){
				.kind = HONE_ASSUME_VALUES,
				.map = map->index,
				.site = site->id,
				.effect = HONE_CODE_LEVEL,
				.enforcement = keeps_values[map->class],
			});
	return HONE_REWRITTEN;
}
