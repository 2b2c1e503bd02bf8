// SPDX-License-Identifier: Apache-2.0
/* value_bits: a bitmap in the image decides which values have none of the bits a program tests.
 *
 * When:    level 2, for arrays whose values mix bits of the control plane with a program's own,
 *          such as flags below a counter in one word.
 * Knows:   the site's only map, a complete snapshot, all programs' effects, and that the program
 *          does nothing with the value but test fixed bits, as long as they are zero.
 * Assumes: the same entries have any of the bits, on any CPU. Data-level when there is a bitmap,
 *          code-level when no entry has any.
 * Does:    one stub: a clear bit yields zero for the tested word, a set one does the lookup.
 * Not:     hash maps (key_filter); values whose address the program keeps.
 * Refuses: NO_MAP_TYPE, NO_MAP_LIVE, NO_BITS_TESTED, NO_BITS_WRITTEN, NO_BUDGET.
 * Source:  kernel/bpf/arraymap.c: lookups have no side effect. A store that races with the
 *          control plane can put old bits back, so the snapshot is taken after a grace period
 *          (runtime/live/snapshot.h).
 */
#include <assert.h>

#include "compiler/pass.h"

static const bool is_plain_array[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_ARRAY] = true,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = true,
};

/* What keeps the tested bits as they are, once no program changes them. */
static const enum hone_enforcement keeps_bits[] = {
	[HONE_CLASS_FIXED] = HONE_NONE_NEEDED,
	[HONE_CLASS_CONFIG] = HONE_GUARDED,
	[HONE_CLASS_KEYS_FIXED] = HONE_GUARDED,
	[HONE_CLASS_LIVE] = HONE_UNENFORCED,
};
static_assert(sizeof(keeps_bits) / sizeof(keeps_bits[0]) == HONE_CLASS_N,
	      "a new map class needs an enforcement here");

static bool holds_word(const struct hone_map *map, uint32_t offset)
{
	return map->value_size >= sizeof(uint64_t) && offset <= map->value_size - sizeof(uint64_t);
}

static bool are_bits_written(const struct hone_effects *effects, const struct hone_site *site)
{
	for (uint32_t i = 0; i < sizeof(site->tested_bits); i++) {
		uint8_t tested = (uint8_t)(site->tested_bits >> 8 * i);

		if (tested & hone_effects_changed(effects, site->tested_offset + i))
			return true;
	}
	return false;
}

static enum hone_reason refusal(struct hone_pass_ctx *cx, const struct hone_map *map,
				const struct hone_site *site)
{
	if (map->type >= HONE_MAP_TYPE_N || !is_plain_array[map->type])
		return HONE_NO_MAP_TYPE;
	if (keeps_bits[map->class] == HONE_UNENFORCED)
		return HONE_NO_MAP_LIVE;
	if (!site->tested_ok || !holds_word(map, site->tested_offset))
		return HONE_NO_BITS_TESTED;
	if (are_bits_written(hone_map_effects(cx, map), site))
		return HONE_NO_BITS_WRITTEN;
	return HONE_REWRITTEN;
}

enum hone_reason hone_pass_value_bits(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	const struct hone_map *map = hone_site_map(cx, site);
	enum hone_reason reason = refusal(cx, map, site);
	uint32_t table;

	if (reason != HONE_REWRITTEN)
		return reason;
	if (hone_table_bitmap(cx, map, site->tested_offset, site->tested_bits, &table))
		return HONE_NO_BUDGET;
	if (hone_stub_value_bits(cx, site, table))
		return HONE_NO_BITS_TESTED;

	hone_assume(cx,
		    &(struct hone_assumption){
			    .kind = HONE_ASSUME_VALUE_BITS,
			    .map = map->index,
			    .site = site->id,
			    .effect = table == HONE_TABLE_NONE ? HONE_CODE_LEVEL : HONE_DATA_LEVEL,
			    .enforcement = keeps_bits[map->class],
			    .offset = site->tested_offset,
			    .bits = site->tested_bits,
		    });
	return HONE_REWRITTEN;
}
