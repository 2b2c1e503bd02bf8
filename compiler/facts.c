// SPDX-License-Identifier: Apache-2.0
/* facts: small questions about facts: names, sizes, classes, what an assumption needs.
 * Runs on both sides, in the daemon and in the compiler. It reads no map and decides no fold. */
#include "compiler/facts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static const struct {
	const char *id, *text, *advice;
} reasons[] = {
#define REASON(id, text, advice) [HONE_##id] = {#id, text, advice},
#include "compiler/reasons.def"
#undef REASON
};

const char *hone_reason_id(enum hone_reason reason)
{
	assert(reason < HONE_REASON_N);
	return reasons[reason].id;
}

const char *hone_reason_text(enum hone_reason reason)
{
	assert(reason < HONE_REASON_N);
	return reasons[reason].text;
}

const char *hone_reason_advice(enum hone_reason reason)
{
	assert(reason < HONE_REASON_N);
	return reasons[reason].advice;
}

static const char *const class_names[] = {
	[HONE_CLASS_FIXED] = "fixed",
	[HONE_CLASS_CONFIG] = "config",
	[HONE_CLASS_KEYS_FIXED] = "keys_fixed",
	[HONE_CLASS_LIVE] = "live",
};
static_assert(sizeof(class_names) / sizeof(class_names[0]) == HONE_CLASS_N, "class without name");

const char *hone_class_name(enum hone_class class)
{
	assert(class < HONE_CLASS_N);
	return class_names[class];
}

static const char *const enforcement_names[] = {
	[HONE_NONE_NEEDED] = "none_needed",
	[HONE_GUARDED] = "guarded",
	[HONE_IN_PROGRAM] = "in_program",
	[HONE_UNENFORCED] = "unenforced",
};
static_assert(sizeof(enforcement_names) / sizeof(enforcement_names[0]) == HONE_UNENFORCED + 1,
	      "enforcement without name");

const char *hone_enforcement_name(enum hone_enforcement enforcement)
{
	assert(enforcement <= HONE_UNENFORCED);
	return enforcement_names[enforcement];
}

static const char *const site_kind_names[] = {
	[HONE_SITE_LOOKUP] = "lookup",
	[HONE_SITE_TAIL_CALL] = "tail_call",
};
static_assert(sizeof(site_kind_names) / sizeof(site_kind_names[0]) == HONE_SITE_N,
	      "site kind without name");

const char *hone_site_kind_name(enum hone_site_kind kind)
{
	assert(kind < HONE_SITE_N);
	return site_kind_names[kind];
}

/* ---- maps ---- */

bool hone_map_is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

bool hone_map_is_array(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

uint32_t hone_map_value_stride(const struct hone_map *map)
{
	if (!hone_map_is_per_cpu(map->type))
		return map->value_size;
	return (map->value_size + 7) / 8 * 8;
}

const uint8_t *hone_map_value(const struct hone_map *map, uint32_t entry, uint32_t cpu)
{
	assert(entry < map->n_entries && cpu < map->n_cpus);
	return map->values +
	       ((size_t)entry * map->n_cpus + cpu) * (size_t)hone_map_value_stride(map);
}

/* ---- effects ---- */

uint8_t hone_effects_changed(const struct hone_effects *effects, uint32_t offset)
{
	if (effects->is_unknown)
		return 0xff;
	if (offset >= HONE_VALUE_TRACKED)
		return effects->changes_rest ? 0xff : 0;
	return effects->changed[offset];
}

bool hone_effects_writes_value(const struct hone_effects *effects)
{
	for (uint32_t i = 0; i <= HONE_VALUE_TRACKED; i++)
		if (hone_effects_changed(effects, i))
			return true;
	return false;
}

void hone_effects_join(struct hone_effects *into, const struct hone_effects *from)
{
	into->writes_keys |= from->writes_keys;
	into->is_unknown |= from->is_unknown;
	into->changes_rest |= from->changes_rest;
	for (uint32_t i = 0; i < HONE_VALUE_TRACKED; i++)
		into->changed[i] |= from->changed[i];
}

/* ---- class ---- */

/* Types that change by updates alone. Others lose entries when a device, a socket or a program
 * goes away, or are queues: nobody can tell from outside. */
static const bool changes_by_update_only[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = true,	    [BPF_MAP_TYPE_PERCPU_HASH] = true,
	[BPF_MAP_TYPE_LRU_HASH] = true,	    [BPF_MAP_TYPE_LRU_PERCPU_HASH] = true,
	[BPF_MAP_TYPE_LPM_TRIE] = true,	    [BPF_MAP_TYPE_ARRAY] = true,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = true, [BPF_MAP_TYPE_ARRAY_OF_MAPS] = true,
	[BPF_MAP_TYPE_HASH_OF_MAPS] = true,
};

enum hone_class hone_class_of(const struct hone_map *map, const struct hone_effects *all)
{
	if (map->type >= HONE_MAP_TYPE_N || !changes_by_update_only[map->type])
		return HONE_CLASS_LIVE;
	/* user space may write through a mapping that no hook sees; freezing requires that there
	 * is none (kernel/bpf/syscall.c map_freeze()) */
	if ((map->flags & BPF_F_MMAPABLE) && !map->is_frozen)
		return HONE_CLASS_LIVE;
	/* the verifier keeps every program from writing, known to us or not */
	if (map->is_frozen && (map->flags & BPF_F_RDONLY_PROG))
		return HONE_CLASS_FIXED;
	if (all->is_unknown || all->writes_keys)
		return HONE_CLASS_LIVE;
	return hone_effects_writes_value(all) ? HONE_CLASS_KEYS_FIXED : HONE_CLASS_CONFIG;
}

/* ---- assumptions ---- */

static bool same_shape(const struct hone_map *was, const struct hone_map *is)
{
	return was->type == is->type && was->key_size == is->key_size &&
	       was->value_size == is->value_size && was->max_entries == is->max_entries &&
	       was->n_cpus == is->n_cpus;
}

static bool same_keys(const struct hone_map *was, const struct hone_map *is)
{
	if (hone_map_is_array(was->type))
		return true; /* every index is always present; the lists are only sparse */
	return was->n_entries == is->n_entries &&
	       (was->n_entries == 0 ||
		memcmp(was->keys, is->keys, (size_t)was->n_entries * was->key_size) == 0);
}

static bool value_differs(const struct hone_map *was, int64_t a, const struct hone_map *is,
			  int64_t b)
{
	static const uint8_t zeros[64];

	for (uint32_t cpu = 0; cpu < was->n_cpus; cpu++) {
		const uint8_t *x = a < 0 ? NULL : hone_map_value(was, (uint32_t)a, cpu);
		const uint8_t *y = b < 0 ? NULL : hone_map_value(is, (uint32_t)b, cpu);

		for (uint32_t at = 0; at < was->value_size; at += sizeof(zeros)) {
			uint32_t rest = was->value_size - at;
			size_t n = rest < sizeof(zeros) ? rest : sizeof(zeros);

			if (memcmp(x ? x + at : zeros, y ? y + at : zeros, n) != 0)
				return true;
		}
	}
	return false;
}

static bool has_bits(const struct hone_map *map, int64_t entry,
		     const struct hone_assumption *assumption)
{
	if (entry < 0)
		return false;
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++) {
		uint64_t word;

		memcpy(&word, hone_map_value(map, (uint32_t)entry, cpu) + assumption->offset,
		       sizeof(word));
		if (word & assumption->bits)
			return true;
	}
	return false;
}

/* What one key's entries must agree in; -1: no entry. */
static bool entry_holds(const struct hone_assumption *assumption, const struct hone_map *was,
			int64_t a, const struct hone_map *is, int64_t b)
{
	if (assumption->kind == HONE_ASSUME_VALUE_BITS)
		return has_bits(was, a, assumption) == has_bits(is, b, assumption);
	if (!hone_map_is_array(was->type) && (a < 0 || b < 0))
		return false;
	return !value_differs(was, a, is, b);
}

/* Walks both sorted snapshots in step. */
static bool entries_hold(const struct hone_assumption *assumption, const struct hone_map *was,
			 const struct hone_map *is)
{
	uint32_t a = 0, b = 0;

	while (a < was->n_entries || b < is->n_entries) {
		int order = 0;

		if (a == was->n_entries)
			order = 1;
		else if (b == is->n_entries)
			order = -1;
		else
			order = memcmp(was->keys + (size_t)a * was->key_size,
				       is->keys + (size_t)b * is->key_size, was->key_size);
		if (!entry_holds(assumption, was, order <= 0 ? (int64_t)a : -1, is,
				 order >= 0 ? (int64_t)b : -1))
			return false;
		a += order <= 0;
		b += order >= 0;
	}
	return true;
}

bool hone_assumption_holds(const struct hone_assumption *assumption, const struct hone_map *was,
			   const struct hone_map *is)
{
	if (!was->complete || !is->complete || !same_shape(was, is))
		return false;
	switch (assumption->kind) {
	case HONE_ASSUME_NO_KEYS:
		return !hone_map_is_array(is->type) && is->n_entries == 0;
	case HONE_ASSUME_KEYS:
		return same_keys(was, is);
	case HONE_ASSUME_VALUE_BITS:
		if (was->value_size < sizeof(uint64_t) ||
		    assumption->offset > was->value_size - sizeof(uint64_t))
			return false;
		return entries_hold(assumption, was, is);
	case HONE_ASSUME_VALUES:
		return entries_hold(assumption, was, is);
	case HONE_ASSUME_N:
		break;
	}
	return false;
}

/* ---- owners ---- */

void hone_unit_free(struct hone_unit *unit)
{
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		free(unit->maps[i].keys);
		free(unit->maps[i].values);
	}
	free(unit->maps);
	free(unit->insns);
	free(unit->func_info);
	free(unit->line_info);
	free(unit->kfuncs);
	memset(unit, 0, sizeof(*unit));
}

void hone_request_free(struct hone_request *request)
{
	hone_unit_free(&request->unit);
	free(request->policy.never_fold);
	memset(request, 0, sizeof(*request));
}

void hone_result_free(struct hone_result *result)
{
	free(result->image.insns);
	free(result->image.relocs);
	free(result->image.lines);
	free(result->image.functions);
	free(result->image.table);
	free(result->image.assumptions);
	free(result->effects);
	free(result->sites);
	free(result->passes);
	free(result->block_insns);
	memset(result, 0, sizeof(*result));
}
