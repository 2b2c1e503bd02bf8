// SPDX-License-Identifier: Apache-2.0
/* shapes: one program with every shape of lookup that the passes rewrite, under random maps:
 * the image is accepted, and equal in verdict, bytes and all maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/sandbox.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"
#include "tests/tools/specialize.h"

enum {
	ROUNDS = 12,
	PACKETS = 3000,
	PACKET_BYTES = 96,
	OP_AT = 14,
	KEY_AT = 16,
	N_OPS = 15,
	CPUS_MAX = 256,
	VALUE_BYTES_MAX = 16,
};

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
	return (uint32_t)(pair_random(&seed) >> 33) % n;
}

/* ---- maps ---- */

/* Few distinct bytes: keys that differ in one byte are common. */
static void random_key(uint8_t *key, uint32_t size)
{
	static const uint8_t bytes[] = {0, 0, 0, 1, 0x80, 0xff};

	for (uint32_t i = 0; i < size; i++)
		key[i] = bytes[below(sizeof(bytes))];
}

static void random_index(uint8_t *key, uint32_t n)
{
	uint32_t index = below(n);

	memcpy(key, &index, sizeof(index));
}

static void fill_map(const struct hone_map *map, int fd)
{
	static const uint32_t sizes[] = {0, 1, 2, 5, 20, 300};
	uint32_t n = sizes[below(sizeof(sizes) / sizeof(sizes[0]))];
	uint8_t key[64], values[CPUS_MAX * VALUE_BYTES_MAX];

	while (n-- > 0) {
		if (hone_map_is_array(map->type))
			random_index(key, map->max_entries);
		else
			random_key(key, map->key_size);
		for (size_t i = 0; i < sizeof(values); i++)
			values[i] = (uint8_t)below(8);
		assert_int_equal(bpf_map_update_elem(fd, key, values, BPF_ANY), 0);
	}
}

/* ---- packets ---- */

/* What each operation of shapes.bpf.c asks with a key out of the packet. */
static const char *const asked[N_OPS] = {
	"key1",	 "key2", "key4", "key7", "key12", "key20",     "key40", "key64",
	"key12", NULL,	 NULL,	 NULL,	 "flags", "cpu_flags", NULL,
};

static const struct hone_map *find_map(const struct object_unit *subject, const char *name)
{
	for (uint32_t i = 0; name && i < subject->unit.n_maps; i++)
		if (!strcmp(subject->unit.maps[i].name, name))
			return &subject->unit.maps[i];
	return NULL;
}

/* Any key; or one of the map's, if it has any, perhaps with a byte changed. */
static void put_key(const struct hone_map *map, uint8_t *at)
{
	random_key(at, 64);
	if (!map)
		return;
	if (hone_map_is_array(map->type))
		random_index(at, map->max_entries + map->max_entries / 8);
	if (map->n_entries == 0 || below(3) == 0)
		return;
	memcpy(at, map->keys + (size_t)below(map->n_entries) * map->key_size, map->key_size);
	if (below(3) == 0)
		at[below(map->key_size)]++;
}

static uint32_t n_verdicts[N_OPS][4]; /* over all rounds */

static void compare(struct object_unit *subject, struct pair *pair)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint8_t packet[PACKET_BYTES] = {0};
		uint32_t op = i % N_OPS, verdict;

		packet[OP_AT] = (uint8_t)op;
		put_key(find_map(subject, asked[op]), packet + KEY_AT);
		if (!pair_agrees(pair, packet, sizeof(packet), &verdict))
			fail_msg("%s", pair->detail);
		n_verdicts[op][verdict & 3]++;
	}
	if (!pair_maps_agree(pair))
		fail_msg("%s", pair->detail);
	assert_int_equal(pair_count(pair, HONE_COUNT_FALLBACK), 0);
}

/* ---- rounds ---- */

static uint32_t n_rewritten[4]; /* per pass, over all rounds */

static void count_rewritten(const struct hone_result *result)
{
	for (uint32_t i = 0; i < result->n_passes && i < 4; i++)
		n_rewritten[i] += result->passes[i].n_rewritten;
}

static void play_round(unsigned int level)
{
	struct hone_maps copies;
	struct hone_result result = {0};
	struct object_unit subject = {0};
	struct pair pair;
	char detail[HONE_DETAIL_LEN] = "";

	assert_int_equal(object_unit_open(SHAPES_OBJECT, NULL, &subject), 0);
	for (uint32_t i = 0; i < subject.unit.n_maps; i++)
		fill_map(&subject.unit.maps[i], subject.maps.fd[i]);
	assert_int_equal(specialize(&subject, level, &result), 0);
	if (result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_id(result.refused), result.detail);
	count_rewritten(&result);
	assert_int_equal(hone_maps_clone(&subject.unit, &subject.maps, &copies, detail), 0);
	if (pair_load(&subject.unit, &subject.maps, &copies, &result.image, &pair))
		fail_msg("%s", pair.detail);
	printf("level %u: %u -> %u insns, %u verified, table %u bytes\n", level,
	       subject.unit.n_insns, result.image.n_insns, pair.n_verified,
	       result.image.table_bytes);
	compare(&subject, &pair);

	pair_close(&pair);
	hone_maps_close(&copies);
	hone_result_free(&result);
	object_unit_close(&subject);
}

static void images_equal_their_originals(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++)
		play_round(1 + i % 2);
	for (size_t i = 0; i < 4; i++)
		assert_true(n_rewritten[i] > 0);
	for (size_t op = 0; op < N_OPS; op++) {
		bool is_keyed = asked[op] && strncmp(asked[op], "key", 3) == 0;

		assert_true(!is_keyed || n_verdicts[op][XDP_TX] > 0);
		assert_true(!is_keyed || n_verdicts[op][XDP_PASS] > 0);
		assert_true(is_keyed || !asked[op] || n_verdicts[op][XDP_DROP] > 0);
		assert_true(is_keyed || !asked[op] || n_verdicts[op][XDP_ABORTED] > 0);
	}
}

static int set_up(void **state)
{
	static cpu_set_t was;

	(void)state;
	kernel_test_needs_root();
	return hone_cpu_pin(&was); /* per-CPU values can only be equal on one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_equal_their_originals),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
