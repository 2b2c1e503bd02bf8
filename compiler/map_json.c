// SPDX-License-Identifier: Apache-2.0
/* map_json: one map with its snapshot, and what programs do to it, to and from JSON.
 *
 * What is read is checked as far as the rest relies on it: sizes, order of keys, one value per
 * CPU. Units and requests are in facts_json.c. */
#include <stdlib.h>
#include <string.h>

#include "compiler/json.h"

static const char *const map_types[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = "hash",
	[BPF_MAP_TYPE_ARRAY] = "array",
	[BPF_MAP_TYPE_PROG_ARRAY] = "prog_array",
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "perf_event_array",
	[BPF_MAP_TYPE_PERCPU_HASH] = "percpu_hash",
	[BPF_MAP_TYPE_PERCPU_ARRAY] = "percpu_array",
	[BPF_MAP_TYPE_STACK_TRACE] = "stack_trace",
	[BPF_MAP_TYPE_CGROUP_ARRAY] = "cgroup_array",
	[BPF_MAP_TYPE_LRU_HASH] = "lru_hash",
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "lru_percpu_hash",
	[BPF_MAP_TYPE_LPM_TRIE] = "lpm_trie",
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "array_of_maps",
	[BPF_MAP_TYPE_HASH_OF_MAPS] = "hash_of_maps",
	[BPF_MAP_TYPE_DEVMAP] = "devmap",
	[BPF_MAP_TYPE_SOCKMAP] = "sockmap",
	[BPF_MAP_TYPE_CPUMAP] = "cpumap",
	[BPF_MAP_TYPE_XSKMAP] = "xskmap",
	[BPF_MAP_TYPE_SOCKHASH] = "sockhash",
	[BPF_MAP_TYPE_QUEUE] = "queue",
	[BPF_MAP_TYPE_STACK] = "stack",
	[BPF_MAP_TYPE_SK_STORAGE] = "sk_storage",
	[BPF_MAP_TYPE_DEVMAP_HASH] = "devmap_hash",
	[BPF_MAP_TYPE_RINGBUF] = "ringbuf",
	[BPF_MAP_TYPE_BLOOM_FILTER] = "bloom_filter",
};

static const char *class_name(uint32_t class)
{
	return hone_class_name((enum hone_class) class);
}

/* ---- effects ---- */

json_t *json_from_effects(const struct hone_effects *effects)
{
	return json_pack("{s:b, s:b, s:o, s:b}", "writes_keys", effects->writes_keys, "is_unknown",
			 effects->is_unknown, "changed",
			 json_from_bytes(effects->changed, sizeof(effects->changed)),
			 "changes_rest", effects->changes_rest);
}

/* All members may be left out (no effect); `changed` may be shorter. */
void json_effects(const struct json_place *at, struct hone_effects *out)
{
	static const char *const keys[] = {"writes_keys", "is_unknown", "changed", "changes_rest",
					   NULL};
	struct json_place writes_keys = json_optional(at, "writes_keys");
	struct json_place is_unknown = json_optional(at, "is_unknown");
	struct json_place changed = json_optional(at, "changed");
	struct json_place changes_rest = json_optional(at, "changes_rest");
	size_t size = json_bytes_size(&changed);

	json_expect_keys(at, keys);
	out->writes_keys = json_bool(&writes_keys);
	out->is_unknown = json_bool(&is_unknown);
	if (size > sizeof(out->changed))
		json_fail(&changed, "too long");
	else
		json_bytes(&changed, out->changed, size);
	out->changes_rest = json_bool(&changes_rest);
}

/* ---- maps ---- */

static json_t *from_entry(const struct hone_map *map, uint32_t entry)
{
	json_t *json = json_array();

	json_array_append_new(
		json, json_from_bytes(map->keys + (size_t)entry * map->key_size, map->key_size));
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++)
		json_array_append_new(json, json_from_bytes(hone_map_value(map, entry, cpu),
							    hone_map_value_stride(map)));
	if (json && json_array_size(json) == (size_t)map->n_cpus + 1)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *from_entries(const struct hone_map *map)
{
	json_t *json = json_array();

	for (uint32_t i = 0; i < map->n_entries; i++) {
		if (json_array_append_new(json, from_entry(map, i)) != 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

static json_t *from_type(uint32_t type)
{
	if (type < HONE_MAP_TYPE_N && map_types[type])
		return json_string(map_types[type]);
	return json_integer(type);
}

json_t *json_from_map(const struct hone_map *map)
{
	return json_pack(
		"{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o, s:s, s:b, s:I, s:o}", "name",
		json_from_text(map->name, sizeof(map->name)), "type", from_type(map->type),
		"key_size", (json_int_t)map->key_size, "value_size", (json_int_t)map->value_size,
		"max_entries", (json_int_t)map->max_entries, "flags", (json_int_t)map->flags, "id",
		(json_int_t)map->id, "frozen", map->is_frozen, "watched", map->is_watched, "others",
		json_from_effects(&map->others), "class", hone_class_name(map->class), "complete",
		map->complete, "n_cpus", (json_int_t)map->n_cpus, "entries", from_entries(map));
}

static uint32_t read_type(const struct json_place *at)
{
	if (json_is_string(at->json))
		return json_name(at, map_types, HONE_MAP_TYPE_N);
	return json_u32(at, HONE_MAP_TYPE_N - 1);
}

/* Per-CPU values are padded in a snapshot; a file written by hand may leave the padding out. */
static void read_value(const struct json_place *at, const struct hone_map *map, uint8_t *out)
{
	size_t size = json_bytes_size(at);

	json_bytes(at, out, size == map->value_size ? size : hone_map_value_stride(map));
}

static void check_key(const struct json_place *at, const struct hone_map *map, uint32_t entry)
{
	const uint8_t *key = map->keys + (size_t)entry * map->key_size;
	uint32_t index;

	if (entry > 0 && memcmp(key - map->key_size, key, map->key_size) >= 0)
		json_fail(at, "not after the key before it (memcmp)");
	if (!hone_map_is_array(map->type))
		return;
	memcpy(&index, key, sizeof(index));
	if (index >= map->max_entries)
		json_fail(at, "not an index of this map");
}

static void read_entry(const struct json_place *at, struct hone_map *map, uint32_t entry)
{
	uint32_t stride = hone_map_value_stride(map);
	struct json_place key = json_element(at, 0);

	if (json_count(at, UINT32_MAX) != map->n_cpus + 1 && !at->reading->failed)
		json_fail(at, "not a key and a value per CPU");
	if (at->reading->failed)
		return;
	json_bytes(&key, map->keys + (size_t)entry * map->key_size, map->key_size);
	if (!at->reading->failed)
		check_key(&key, map, entry);
	for (uint32_t cpu = 0; cpu < map->n_cpus && !at->reading->failed; cpu++) {
		struct json_place value = json_element(at, (size_t)cpu + 1);

		read_value(&value, map,
			   map->values + ((size_t)entry * map->n_cpus + cpu) * (size_t)stride);
	}
}

/* The text has to be there before memory is taken for it: each entry's first value stands for
 * the others, which read_entry() checks one by one. */
static bool entry_is_plausible(const struct json_place *at, const struct hone_map *map)
{
	struct json_place key = json_element(at, 0);

	if (json_count(at, UINT32_MAX) != map->n_cpus + 1)
		return false;
	if (json_bytes_size(&key) != map->key_size)
		return false;
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++) {
		struct json_place value = json_element(at, (size_t)cpu + 1);

		if (json_bytes_size(&value) < map->value_size)
			return false;
	}
	return true;
}

static void read_entries(const struct json_place *at, struct hone_map *map)
{
	uint32_t n = json_count(at, UINT32_MAX);
	size_t value_bytes = (size_t)map->n_cpus * hone_map_value_stride(map);

	for (uint32_t i = 0; i < n && !at->reading->failed; i++) {
		struct json_place entry = json_element(at, i);

		if (!entry_is_plausible(&entry, map) && !at->reading->failed)
			json_fail(&entry, "not a key and a value per CPU of the map's sizes");
	}
	if (n > map->max_entries)
		json_fail(at, "more than max_entries");
	if (n > 0 && (map->key_size == 0 || value_bytes == 0))
		json_fail(at, "a map without keys or values");
	map->keys = json_alloc(at, n, map->key_size);
	map->values = json_alloc(at, n, value_bytes);
	for (uint32_t i = 0; i < n && !at->reading->failed; i++) {
		struct json_place entry = json_element(at, i);

		read_entry(&entry, map, i);
	}
	map->n_entries = at->reading->failed ? 0 : n;
}

static void read_shape(const struct json_place *at, struct hone_map *out)
{
	struct json_place name = json_member(at, "name");
	struct json_place type = json_member(at, "type");
	struct json_place key_size = json_member(at, "key_size");
	struct json_place value_size = json_member(at, "value_size");
	struct json_place max_entries = json_member(at, "max_entries");
	struct json_place flags = json_optional(at, "flags");
	struct json_place id = json_optional(at, "id");
	struct json_place frozen = json_optional(at, "frozen");

	json_text(&name, out->name, sizeof(out->name));
	out->type = read_type(&type);
	out->key_size = json_u32(&key_size, UINT32_MAX / 2);
	out->value_size = json_u32(&value_size, UINT32_MAX / 2);
	out->max_entries = json_u32(&max_entries, UINT32_MAX);
	out->flags = json_u32(&flags, UINT32_MAX);
	out->id = json_u32(&id, UINT32_MAX);
	out->is_frozen = json_bool(&frozen);
	if (hone_map_is_array(out->type) && out->key_size != 4)
		json_fail(&key_size, "an index has 4 bytes");
}

static bool needs_guard(enum hone_class class)
{
	return class == HONE_CLASS_CONFIG || class == HONE_CLASS_KEYS_FIXED;
}

void json_map(const struct json_place *at, uint32_t index, bool by_hand, struct hone_map *out)
{
	static const char *const keys[] = {"name",	  "type",    "key_size", "value_size",
					   "max_entries", "flags",   "id",	 "frozen",
					   "watched",	  "others",  "class",	 "complete",
					   "n_cpus",	  "entries", NULL};
	struct json_place class = json_member(at, "class");
	struct json_place watched = json_optional(at, "watched");
	struct json_place others = json_optional(at, "others");
	struct json_place complete = json_optional(at, "complete");
	struct json_place n_cpus = json_optional(at, "n_cpus");
	struct json_place entries = json_optional(at, "entries");

	json_expect_keys(at, keys);
	out->index = index;
	read_shape(at, out);
	out->class = (enum hone_class)json_enum(&class, class_name, HONE_CLASS_N);
	out->is_watched = json_bool(&watched);
	if (!watched.json && by_hand)
		out->is_watched = needs_guard(out->class);
	if (others.json)
		json_effects(&others, &out->others);
	out->complete = json_bool(&complete);
	/* 0: the type has no values that can be read; then there are no entries either */
	out->n_cpus = n_cpus.json ? json_u32(&n_cpus, 1 << 16) : 1;
	if (out->n_cpus > 1 && !hone_map_is_per_cpu(out->type))
		json_fail(&n_cpus, "not a type with a value per CPU");
	if (entries.json && !at->reading->failed)
		read_entries(&entries, out);
}
