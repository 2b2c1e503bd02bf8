// SPDX-License-Identifier: Apache-2.0
/* packet_keys: what the maps of a unit hold, as parts of packets.
 *
 * When:  a packet generator is made.
 * Not:   values; maps inside maps; keys whose fields lie in an order that nobody can guess from
 *        their size (they are still tried as a tuple). */
#include "runtime/deploy/packet_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/live/content.h"
#include "runtime/live/map_kind.h"

enum { PREFIX_BYTES = 4 }; /* struct bpf_lpm_trie_key: the length comes first */

static void content_cleanup(struct hone_content *content)
{
	hone_content_free(content);
}

static enum hone_key_part part_of(uint32_t size)
{
	switch (size) {
	case 2:
		return HONE_KEY_PORT;
	case 4:
		return HONE_KEY_IPV4;
	case 6:
		return HONE_KEY_MAC;
	case 16:
		return HONE_KEY_IPV6;
	default:
		return size > 4 ? HONE_KEY_TUPLE : HONE_KEY_PART_N;
	}
}

static int add(struct hone_packet_keys *keys, enum hone_key_part part, const uint8_t *bytes,
	       uint32_t size)
{
	struct hone_packet_key *key;

	if (part == HONE_KEY_PART_N)
		return 0;
	if ((keys->n & (keys->n - 1)) == 0) { /* full at powers of two */
		size_t room = keys->n ? 2 * (size_t)keys->n : 1;
		struct hone_packet_key *grown = realloc(keys->keys, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		keys->keys = grown;
	}
	key = &keys->keys[keys->n++];
	*key = (struct hone_packet_key){.part = part};
	key->size = (uint8_t)(size < HONE_KEY_BYTES ? size : HONE_KEY_BYTES);
	memcpy(key->bytes, bytes, key->size);
	return 0;
}

/* An index up to 65535 may be a port; which byte order the program uses is not known. */
static int add_index(struct hone_packet_keys *keys, const uint8_t *index)
{
	const uint8_t swapped[2] = {index[1], index[0]};
	int err;

	if (index[2] || index[3])
		return 0;
	err = add(keys, HONE_KEY_PORT, index, sizeof(swapped));
	return err ? err : add(keys, HONE_KEY_PORT, swapped, sizeof(swapped));
}

static bool is_zero(const uint8_t *bytes, uint32_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static int add_map(struct hone_packet_keys *keys, const struct hone_map *map, int fd,
		   uint32_t max_keys)
{
	_cleanup_(content_cleanup) struct hone_content content = {0};
	bool is_array = hone_map_is_array(map->type);
	uint32_t skip = map->type == BPF_MAP_TYPE_LPM_TRIE ? PREFIX_BYTES : 0, n = 0;
	int err = hone_content_read(fd, map, &content);

	for (uint32_t i = 0; !err && i < content.n && n < max_keys; i++) {
		const uint8_t *key = hone_content_key(&content, i);

		if (is_array && is_zero(hone_content_value(&content, i), content.value_bytes))
			continue;
		n++;
		if (is_array)
			err = add_index(keys, key);
		else
			err = add(keys, part_of(map->key_size - skip), key + skip,
				  map->key_size - skip);
		if (!err && map->key_size - skip == 16) /* an address, or five fields */
			err = add(keys, HONE_KEY_TUPLE, key + skip, 16);
	}
	return err;
}

static int compare_parts(const void *a, const void *b)
{
	const struct hone_packet_key *key_a = a, *key_b = b;

	if (key_a->part != key_b->part)
		return key_a->part < key_b->part ? -1 : 1;
	return memcmp(key_a->bytes, key_b->bytes, sizeof(key_a->bytes));
}

int hone_packet_keys_read(const struct hone_unit *unit, const struct hone_maps *maps,
			  uint32_t max_per_map, struct hone_packet_keys *out)
{
	struct hone_packet_keys keys = {0};
	int err = 0;

	for (uint32_t i = 0; !err && i < maps->n; i++)
		if (hone_map_kind(unit->maps[i].type) == HONE_MAP_PLAIN)
			err = add_map(&keys, &unit->maps[i], maps->fd[i], max_per_map);
	if (err) {
		hone_packet_keys_free(&keys);
		return err;
	}
	if (keys.n > 0)
		qsort(keys.keys, keys.n, sizeof(*keys.keys), compare_parts);
	for (uint32_t i = keys.n; i-- > 0;) {
		keys.first_of[keys.keys[i].part] = i;
		keys.n_of[keys.keys[i].part]++;
	}
	*out = keys;
	return 0;
}

void hone_packet_keys_free(struct hone_packet_keys *keys)
{
	free(keys->keys);
	*keys = (struct hone_packet_keys){0};
}
