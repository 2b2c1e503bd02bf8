// SPDX-License-Identifier: Apache-2.0
/* compare: look at large maps by a program in the kernel, at the rest by bpf(2).
 *
 * When:  after each batch of a check.
 * Why:   reading 65,536 per-CPU entries takes 20 ms by batches of bpf(2), and a batch of packets
 *        takes less.
 * Not:   telling where a difference is: hone_maps_equal() does, afterwards. */
#include "runtime/deploy/compare.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

#include "compare.skel.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"

enum {
	LARGE_ENTRIES = 256,
	VALUE_BYTES_MAX = 256, /* above, the verifier would walk long loops */
	PACKET_BYTES = 64,
};

struct hone_compare {
	const struct hone_unit *unit;
	const struct hone_maps *a, *b;
	struct compare_bpf *ab[HONE_MAPS_MAX]; /* NULL: looked at by bpf(2) */
	struct compare_bpf *ba[HONE_MAPS_MAX];
};

/* Types that a program can walk, and in which its lookups leave no trace. */
static bool can_walk(const struct hone_map *map)
{
	switch (map->type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return map->max_entries >= LARGE_ENTRIES && map->value_size <= VALUE_BYTES_MAX;
	default:
		return false;
	}
}

static struct compare_bpf *load_walk(const struct hone_map *map, int a_fd, int b_fd)
{
	struct compare_bpf *skel = compare_bpf__open();

	if (!skel)
		return NULL;
	skel->rodata->n_words = map->value_size / 8;
	skel->rodata->n_tail = map->value_size % 8;
	if (bpf_map__reuse_fd(skel->maps.a, a_fd) || bpf_map__reuse_fd(skel->maps.b, b_fd) ||
	    compare_bpf__load(skel)) {
		compare_bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

int hone_compare_new(const struct hone_unit *unit, const struct hone_maps *a,
		     const struct hone_maps *b, struct hone_compare **out)
{
	struct hone_compare *compare = calloc(1, sizeof(*compare));

	if (!compare)
		return -ENOMEM;
	compare->unit = unit;
	compare->a = a;
	compare->b = b;
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		const struct hone_map *map = &unit->maps[i];

		if (b->fd[i] < 0 || !can_walk(map))
			continue;
		compare->ab[i] = load_walk(map, a->fd[i], b->fd[i]);
		if (compare->ab[i] && !hone_map_is_array(map->type))
			compare->ba[i] = load_walk(map, b->fd[i], a->fd[i]);
		if (!compare->ab[i])
			hone_log_debug("map %s: compared by bpf(2), which is slow", map->name);
	}
	*out = compare;
	return 0;
}

void hone_compare_free(struct hone_compare **compare)
{
	for (uint32_t i = 0; *compare && i < HONE_MAPS_MAX; i++) {
		compare_bpf__destroy((*compare)->ab[i]);
		compare_bpf__destroy((*compare)->ba[i]);
	}
	free(*compare);
	*compare = NULL;
}

/* A walk that finds a difference, or cannot be made, is not the last word. */
static bool finds_equal(const struct compare_bpf *skel)
{
	uint8_t packet[PACKET_BYTES] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	return !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.compare), &opts) &&
	       opts.retval == XDP_PASS;
}

bool hone_compare_walk(const struct hone_compare *compare, uint32_t map)
{
	if (!compare->ab[map] || !finds_equal(compare->ab[map]))
		return false;
	if (hone_map_is_array(compare->unit->maps[map].type))
		return true;
	return compare->ba[map] && finds_equal(compare->ba[map]);
}

int hone_compare_equal(struct hone_compare *compare, char *detail)
{
	for (uint32_t i = 0; i < compare->unit->n_maps; i++) {
		int result = compare->b->fd[i] < 0 || hone_compare_walk(compare, i)
				     ? 1
				     : hone_map_equal(&compare->unit->maps[i], compare->a->fd[i],
						      compare->b->fd[i], detail);

		if (result != 1)
			return result;
	}
	return 1;
}
