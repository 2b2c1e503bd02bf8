// SPDX-License-Identifier: Apache-2.0
/* fill: see the header. A key is random in the bytes that a packet's field would have, zero
 * elsewhere: which field is told from its size, as runtime/deploy/packet_keys.c does. */
#include "tests/zoo/fill.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/facts.h"
#include "runtime/common/cleanup.h"
#include "runtime/live/maps.h"

enum {
	HASH_ENTRIES = 24,
	ARRAY_ENTRIES = 256, /* leading ones */
	VALUE_MAX = 8,	     /* of each 32-bit word */
	PREFIX_BYTES = 4,
	TUPLE_PROTO = 12, /* saddr, daddr, sport, dport, proto */
	LOOPBACK = 1,
	CPUMAP_QUEUE = 192,
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static void put_random(uint64_t *state, uint8_t *at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)next_random(state);
}

static void put_field(uint64_t *state, uint8_t *key, uint32_t size)
{
	bool is_tuple = size > 6 && (size != 16 || next_random(state) % 2);

	put_random(state, key, is_tuple ? TUPLE_PROTO : size);
	if (is_tuple && size > TUPLE_PROTO)
		key[TUPLE_PROTO] = next_random(state) % 2 ? 6 : 17;
}

/* The bits behind a prefix are zero: two entries with one meaning would be one. */
static void put_prefix(uint64_t *state, uint8_t *key, uint32_t size)
{
	uint32_t n_bits = 8 * (size - PREFIX_BYTES);
	uint32_t prefix = (uint32_t)(next_random(state) % (n_bits + 1));

	memcpy(key, &prefix, sizeof(prefix));
	put_random(state, key + PREFIX_BYTES, (prefix + 7) / 8);
	if (prefix % 8)
		key[PREFIX_BYTES + prefix / 8] &= (uint8_t)(0xff00 >> prefix % 8);
}

static void put_key(uint64_t *state, const struct hone_map *map, uint32_t i, uint8_t *key)
{
	memset(key, 0, map->key_size);
	if (hone_map_is_array(map->type) || map->type == BPF_MAP_TYPE_DEVMAP ||
	    map->type == BPF_MAP_TYPE_DEVMAP_HASH || map->type == BPF_MAP_TYPE_CPUMAP)
		memcpy(key, &i, sizeof(i));
	else if (map->type == BPF_MAP_TYPE_LPM_TRIE)
		put_prefix(state, key, map->key_size);
	else
		put_field(state, key, map->key_size);
}

static void put_value(uint64_t *state, const struct hone_map *map, uint8_t *value, size_t size)
{
	static const uint32_t targets[HONE_MAP_TYPE_N] = {
		[BPF_MAP_TYPE_DEVMAP] = LOOPBACK,
		[BPF_MAP_TYPE_DEVMAP_HASH] = LOOPBACK,
		[BPF_MAP_TYPE_CPUMAP] = CPUMAP_QUEUE,
	};

	memset(value, 0, size);
	if (targets[map->type])
		memcpy(value, &targets[map->type], sizeof(uint32_t));
	else
		for (size_t i = 0; i < size; i += sizeof(uint32_t))
			value[i] = (uint8_t)(next_random(state) % VALUE_MAX);
}

static uint32_t entries_of(const struct hone_map *map)
{
	uint32_t limit = 0;

	switch (map->type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		limit = ARRAY_ENTRIES;
		break;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		limit = HASH_ENTRIES;
		break;
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
		limit = 1;
		break;
	default:
		break;
	}
	return limit < map->max_entries ? limit : map->max_entries;
}

static int fill_map(uint64_t *state, const struct hone_map *map, int fd)
{
	int n_cpus = hone_map_is_per_cpu(map->type) ? libbpf_num_possible_cpus() : 1;
	size_t size = (size_t)n_cpus * hone_map_value_stride(map);
	_cleanup_free_ uint8_t *key = calloc(1, map->key_size);
	_cleanup_free_ uint8_t *value = calloc(1, size);

	if (!key || !value)
		return -ENOMEM;
	for (uint32_t i = 0; i < entries_of(map); i++) {
		put_key(state, map, i, key);
		put_value(state, map, value, size);
		if (bpf_map_update_elem(fd, key, value, BPF_ANY))
			return -errno;
	}
	return 0;
}

int zoo_fill(const struct bpf_object *object)
{
	uint64_t state = 1;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct hone_map described = {0};
		int err;

		if (bpf_map__is_internal(map) || bpf_map__fd(map) < 0)
			continue;
		err = hone_map_describe(bpf_map__fd(map), &described);
		if (!err && !described.is_frozen)
			err = fill_map(&state, &described, bpf_map__fd(map));
		if (err)
			return err;
	}
	return 0;
}
