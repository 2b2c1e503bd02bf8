// SPDX-License-Identifier: Apache-2.0
/* lift_fixed: loads of what never changes. A map that is frozen and read-only to programs, such as
 * libbpf's .rodata and .kconfig, has one entry, which programs name by BPF_PSEUDO_MAP_VALUE: no
 * lookup, so no site that a pass is asked about. Nothing need be assumed, so nothing guards it.
 *
 * Not: pointers into such a map that a helper gets; it may insist on a map that is frozen. */
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/insn.h"
#include "compiler/lift.h"

static bool is_never_folded(const struct hone_policy *policy, const struct hone_map *map)
{
	for (uint32_t i = 0; i < policy->n_never_fold; i++)
		if (!strncmp(policy->never_fold[i], map->name, HONE_NAME_LEN))
			return true;
	return false;
}

/* The only map that the address can be in, at a known place; NULL: it may be elsewhere. */
static const struct hone_map *find_map(const struct hone_lifter *lifter,
				       const struct hone_value *address)
{
	const struct hone_unit *unit = lifter->code->unit;

	if (address->kind != HONE_KIND_POINTER || !address->is_known || address->sites ||
	    address->frames)
		return NULL;
	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++)
		if (address->maps == 1ull << i)
			return &unit->maps[i];
	return NULL;
}

/* One entry: then it does not matter which one the pointer was made for. */
static bool is_fixed(const struct hone_lifter *lifter, const struct hone_map *map)
{
	const struct hone_effects *own = &lifter->input->analysis->effects[map->index];

	return map->type == BPF_MAP_TYPE_ARRAY && map->max_entries == 1 && map->complete &&
	       hone_class_with(map, own) == HONE_CLASS_FIXED;
}

bool hone_lift_fixed(const struct hone_lifter *lifter, const struct bpf_insn *insn, uint64_t *out)
{
	const struct hone_policy *policy = lifter->input->policy;
	const struct hone_value *address = hone_lift_kind(lifter, insn->src_reg);
	const struct hone_map *map = find_map(lifter, address);
	uint64_t offset = (uint64_t)address->constant + (uint64_t)(int64_t)insn->off;
	uint32_t bytes = hone_insn_bytes(insn);

	if (!policy || policy->level == 0 || !map || !is_fixed(lifter, map) ||
	    is_never_folded(policy, map) || offset >= map->value_size ||
	    bytes > map->value_size - offset)
		return false;
	*out = 0;
	if (map->n_entries > 0)
		memcpy(out, hone_map_value(map, 0, 0) + offset, bytes);
	return true;
}
