// SPDX-License-Identifier: Apache-2.0
/* pair: see the header. */
#include "tests/tools/pair.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/deploy/load.h"
#include "tests/tools/kernel_test.h"

enum { GUARD_OFFSET = 3 * sizeof(struct hone_guard_slot), POOL = 16 };

static int load_image(struct pair *pair, const struct hone_image *image)
{
	struct hone_image_env env = {
		.maps = pair->image_maps,
		.table_fd = pair->table_fd,
		.guard_fd = pair->guard_fd,
		.guard_offset = GUARD_OFFSET,
		.slots_fd = pair->slots_fd,
		.counts_fd = pair->counts_fd,
	};
	struct hone_loaded loaded;
	int err = hone_load_image(pair->unit, image, &env, &loaded, pair->detail);

	if (err)
		return err;
	pair->image_fd = loaded.fd;
	pair->n_verified = loaded.n_verified;
	return hone_expected_set(pair->table_fd, PAIR_EPOCH);
}

static int load_originals(struct pair *pair)
{
	__u32 key = HONE_PROG_ORIGINAL;
	struct hone_loaded loaded;
	int err = hone_load_original(pair->unit, pair->maps, &loaded, pair->detail);

	if (err)
		return err;
	pair->original_fd = loaded.fd;
	err = hone_load_original(pair->unit, pair->image_maps, &loaded, pair->detail);
	if (err)
		return err;
	pair->fallback_fd = loaded.fd;
	return bpf_map_update_elem(pair->slots_fd, &key, &pair->fallback_fd, BPF_ANY);
}

int pair_load(const struct hone_unit *unit, const struct hone_maps *maps,
	      const struct hone_maps *image_maps, const struct hone_image *image, struct pair *out)
{
	int err;

	*out = (struct pair){.unit = unit,
			     .maps = maps,
			     .image_maps = image_maps,
			     .original_fd = -1,
			     .image_fd = -1,
			     .fallback_fd = -1,
			     .table_fd = hone_load_table(image),
			     .guard_fd = kernel_test_guard(),
			     .slots_fd = hone_load_slots(),
			     .counts_fd = hone_load_counts()};
	if (out->table_fd < 0 || out->guard_fd < 0 || out->slots_fd < 0 || out->counts_fd < 0)
		return -EIO;
	pair_guard(out, true);
	err = load_originals(out);
	return err ? err : load_image(out, image);
}

void pair_close(struct pair *pair)
{
	const int fds[] = {pair->original_fd, pair->image_fd, pair->fallback_fd, pair->table_fd,
			   pair->guard_fd,    pair->slots_fd, pair->counts_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void pair_guard(const struct pair *pair, bool is_valid)
{
	kernel_test_guard_set(pair->guard_fd, GUARD_OFFSET, is_valid ? PAIR_EPOCH : PAIR_EPOCH + 1);
}

uint64_t pair_count(const struct pair *pair, uint32_t which)
{
	int n_cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *counts = calloc((size_t)n_cpus, sizeof(*counts));
	uint64_t sum = 0;

	if (!counts || bpf_map_lookup_elem(pair->counts_fd, &which, counts))
		abort();
	for (int i = 0; i < n_cpus; i++)
		sum += counts[i];
	return sum;
}

/* ---- packets ---- */

struct outcome {
	int err;
	uint32_t verdict, size;
	uint8_t bytes[PAIR_PACKET_MAX];
};

static void run(int prog_fd, const uint8_t *packet, uint32_t size, struct outcome *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = size,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .repeat = 1);

	out->err = bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : 0;
	out->verdict = opts.retval;
	out->size = opts.data_size_out;
}

bool pair_agrees(struct pair *pair, const uint8_t *packet, uint32_t size, uint32_t *verdict)
{
	static struct outcome original, image;
	int used;

	run(pair->original_fd, packet, size, &original);
	run(pair->image_fd, packet, size, &image);
	*verdict = original.verdict;
	if (original.err == image.err && original.verdict == image.verdict &&
	    original.size == image.size && !memcmp(original.bytes, image.bytes, original.size))
		return true;

	used = snprintf(pair->detail, sizeof(pair->detail),
			"original %d verdict %u size %u, image %d verdict %u size %u, packet %u: ",
			original.err, original.verdict, original.size, image.err, image.verdict,
			image.size, size);
	for (uint32_t i = 0; i < size && used + 3 < (int)sizeof(pair->detail); i++)
		used += snprintf(pair->detail + used, 3, "%02x", packet[i]);
	return false;
}

uint64_t pair_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(pair_random(state) % n);
}

static uint8_t pool(uint64_t *state)
{
	return (uint8_t)below(state, POOL);
}

static uint32_t put(uint8_t *packet, uint32_t at, const void *bytes, uint32_t size)
{
	memcpy(packet + at, bytes, size);
	return at + size;
}

static uint32_t put_transport(uint64_t *state, uint8_t *packet, uint32_t at)
{
	const uint8_t ports[] = {0, pool(state), 0, pool(state), 0, 28, 0, 0};

	at = put(packet, at, ports, sizeof(ports));
	packet[at + 4] = 0x50; /* TCP data offset */
	return at + 12 + below(state, 40);
}

static uint32_t put_ipv4(uint64_t *state, uint8_t *packet, uint32_t at)
{
	static const uint8_t protocols[] = {6, 17, 1, 47, 4};
	const uint8_t header[] = {0x45,
				  0,
				  0,
				  60,
				  0,
				  0,
				  0,
				  0,
				  (uint8_t)below(state, 4),
				  protocols[below(state, sizeof(protocols))],
				  0,
				  0,
				  10,
				  0,
				  0,
				  pool(state),
				  10,
				  0,
				  0,
				  pool(state)};
	uint32_t begin = at;

	at = put(packet, at, header, sizeof(header));
	if (below(state, 8) == 0) { /* options */
		packet[begin] = 0x46;
		at += 4;
	}
	if (below(state, 8) == 0)
		packet[begin + 6] = 0x20; /* a fragment */
	return put_transport(state, packet, at);
}

static uint32_t put_ipv6(uint64_t *state, uint8_t *packet, uint32_t at)
{
	static const uint8_t protocols[] = {6, 17, 58, 0, 44};
	const uint8_t header[40] = {0x60,
				    [5] = 40,
				    [6] = protocols[below(state, sizeof(protocols))],
				    [7] = (uint8_t)below(state, 4),
				    [8] = 0xfd,
				    [23] = pool(state),
				    [24] = 0xfd,
				    [39] = pool(state)};

	return put_transport(state, packet, put(packet, at, header, sizeof(header)));
}

uint32_t pair_packet(uint64_t *state, uint8_t *packet)
{
	const uint8_t macs[] = {2, 0, 0, 0, 0, pool(state), 2, 0, 0, 0, 0, pool(state)};
	static const uint8_t vlan[] = {0x81, 0, 0, 5}, qinq[] = {0x88, 0xa8, 0, 6};
	static const uint8_t ipv4[] = {8, 0}, ipv6[] = {0x86, 0xdd}, arp[] = {8, 6};
	uint32_t size, kind = below(state, 8);

	memset(packet, 0, PAIR_PACKET_MAX);
	size = put(packet, 0, macs, sizeof(macs));
	if (below(state, 6) == 0)
		size = put(packet, size, qinq, sizeof(qinq));
	if (below(state, 4) == 0)
		size = put(packet, size, vlan, sizeof(vlan));
	if (kind < 4)
		size = put_ipv4(state, packet, put(packet, size, ipv4, sizeof(ipv4)));
	else if (kind < 7)
		size = put_ipv6(state, packet, put(packet, size, ipv6, sizeof(ipv6)));
	else
		size = put(packet, size, arp, sizeof(arp)) + below(state, 60);

	if (below(state, 6) == 0)
		packet[below(state, size)] = (uint8_t)below(state, 256);
	if (below(state, 4) == 0)
		size = 14 + below(state, size);
	return size < 14 ? 14 : size;
}

/* ---- maps ---- */

static void put_pool_key(uint64_t *state, const struct hone_map *map, uint8_t *key)
{
	static const uint8_t ipv4[] = {10, 0, 0}, ethernet[] = {2, 0, 0, 0, 0}, ipv6[] = {0xfd};

	memset(key, 0, map->key_size);
	if (map->key_size == 4)
		memcpy(key, ipv4, sizeof(ipv4));
	else if (map->key_size == 6)
		memcpy(key, ethernet, sizeof(ethernet));
	else if (map->key_size == 16)
		memcpy(key, ipv6, sizeof(ipv6));
	key[map->key_size - 1] = pool(state);
}

/* struct bpf_lpm_trie_key: the length in bits, then the address. */
static void put_prefix(uint64_t *state, const struct hone_map *map, uint8_t *key)
{
	struct hone_map address = *map;
	uint32_t length;

	address.key_size -= (uint32_t)sizeof(length);
	length = address.key_size * 8 - below(state, 9);
	put_pool_key(state, &address, key + sizeof(length));
	memcpy(key, &length, sizeof(length));
}

static void put_index(uint64_t *state, const struct hone_map *map, uint8_t *key)
{
	/* often a port of the pool, in network byte order */
	uint32_t index = below(state, 2) ? (uint32_t)pool(state) << 8 : below(state, 64);

	index %= map->max_entries;
	memcpy(key, &index, sizeof(index));
}

static size_t value_bytes(const struct hone_map *map)
{
	size_t n = hone_map_is_per_cpu(map->type) ? (size_t)libbpf_num_possible_cpus() : 1;

	return n * hone_map_value_stride(map);
}

static bool is_filled(const struct hone_map *map)
{
	switch (map->type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		return !map->is_frozen && !(map->flags & BPF_F_RDONLY_PROG);
	default:
		return false;
	}
}

static void fill(const struct pair *pair, uint32_t index, uint64_t *state)
{
	const struct hone_map *map = &pair->unit->maps[index];
	size_t size = value_bytes(map);
	_cleanup_free_ uint8_t *key = calloc(1, map->key_size);
	_cleanup_free_ uint8_t *value = calloc(1, size);

	if (!key || !value)
		abort();
	if (hone_map_is_array(map->type))
		put_index(state, map, key);
	else if (map->type == BPF_MAP_TYPE_LPM_TRIE)
		put_prefix(state, map, key);
	else
		put_pool_key(state, map, key);
	for (size_t i = 0; i < size; i += hone_map_value_stride(map))
		value[i] = (uint8_t)pair_random(state);
	if (bpf_map_update_elem(pair->maps->fd[index], key, value, BPF_ANY) ||
	    bpf_map_update_elem(pair->image_maps->fd[index], key, value, BPF_ANY))
		abort();
}

void pair_fill(const struct pair *pair, uint64_t *state, uint32_t n_entries)
{
	for (uint32_t i = 0; i < pair->unit->n_maps; i++)
		for (uint32_t n = 0; n < n_entries && is_filled(&pair->unit->maps[i]); n++)
			fill(pair, i, state);
}

/* Each key of one side with the same value on the other. */
static bool map_agrees(struct pair *pair, uint32_t index)
{
	const struct hone_map *map = &pair->unit->maps[index];
	size_t size = value_bytes(map);
	_cleanup_free_ uint8_t *key = calloc(1, map->key_size);
	_cleanup_free_ uint8_t *is = calloc(1, size);
	_cleanup_free_ uint8_t *was = calloc(1, size);
	int from = pair->maps->fd[index], to = pair->image_maps->fd[index];

	if (!key || !is || !was)
		abort();
	for (void *previous = NULL; !bpf_map_get_next_key(from, previous, key); previous = key) {
		if (bpf_map_lookup_elem(from, key, was) || bpf_map_lookup_elem(to, key, is) ||
		    memcmp(was, is, size)) {
			snprintf(pair->detail, sizeof(pair->detail), "map %s, key %02x…%02x",
				 map->name, key[0], key[map->key_size - 1]);
			return false;
		}
	}
	return true;
}

bool pair_maps_agree(struct pair *pair)
{
	for (uint32_t i = 0; i < pair->unit->n_maps; i++)
		if (is_filled(&pair->unit->maps[i]) && !map_agrees(pair, i))
			return false;
	return true;
}
