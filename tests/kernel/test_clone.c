// SPDX-License-Identifier: Apache-2.0
/* clone: copies of every map type that XDP programs use, compared and made equal again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/live/maps.h"
#include "tests/tools/asm.h"
#include "tests/tools/kernel_test.h"

enum { PORTS = 65536, CPUS_MAX = 1024, LO = 1 };

/* A unit of which only the maps matter. */
struct unit_of_maps {
	struct hone_unit unit;
	struct hone_map map[8];
	struct hone_maps fds, copy;
};

static char detail[HONE_DETAIL_LEN];

static int create(enum bpf_map_type type, __u32 key_size, __u32 value_size, __u32 max_entries,
		  __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, "test_map", key_size, value_size, max_entries, &opts);

	assert_true(fd >= 0);
	return fd;
}

/* Takes over the fd. */
static void add_map(struct unit_of_maps *u, int fd)
{
	u->unit.maps = u->map;
	assert_int_equal(hone_map_describe(fd, &u->map[u->unit.n_maps]), 0);
	u->map[u->unit.n_maps].index = u->unit.n_maps;
	u->fds.fd[u->unit.n_maps++] = fd;
	u->fds.n = u->unit.n_maps;
}

static void drop(struct unit_of_maps *u)
{
	hone_maps_close(&u->fds);
	hone_maps_close(&u->copy);
}

static void clone_is_equal(struct unit_of_maps *u)
{
	assert_int_equal(hone_maps_clone(&u->unit, &u->fds, &u->copy, detail), 0);
	assert_int_equal(u->copy.n, u->fds.n);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 1);
}

static void put(int fd, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(fd, key, value, BPF_ANY), 0);
}

/* Differences in both directions and their repair, in map 0 with keys of 4 bytes. */
static void sees_and_repairs_changes(struct unit_of_maps *u)
{
	__u64 values[CPUS_MAX];
	__u32 key = 1;

	memset(values, 0x5a, sizeof(values));
	put(u->copy.fd[0], &key, values);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 0);
	assert_non_null(strstr(detail, "map test_map, key 01000000"));
	assert_int_equal(hone_maps_copy(&u->unit, &u->fds, &u->copy), 0);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 1);

	if (bpf_map_delete_elem(u->copy.fd[0], &key) && errno == EINVAL)
		return; /* an array */
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 0);
	assert_non_null(strstr(detail, "absent"));
	assert_int_equal(hone_maps_copy(&u->unit, &u->fds, &u->copy), 0);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 1);

	key = 99;
	put(u->copy.fd[0], &key, values);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 0);
	assert_int_equal(hone_maps_copy(&u->unit, &u->fds, &u->copy), 0);
	assert_int_equal(hone_maps_equal(&u->unit, &u->fds, &u->copy, detail), 1);
}

static void clones_plain_types(void **state)
{
	static const struct {
		enum bpf_map_type type;
		__u32 flags;
	} types[] = {
		{BPF_MAP_TYPE_HASH, 0},	       {BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC},
		{BPF_MAP_TYPE_ARRAY, 0},       {BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE},
		{BPF_MAP_TYPE_PERCPU_HASH, 0}, {BPF_MAP_TYPE_PERCPU_ARRAY, 0},
		{BPF_MAP_TYPE_LRU_HASH, 0},    {BPF_MAP_TYPE_LRU_PERCPU_HASH, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct unit_of_maps u = {0};
		__u64 values[CPUS_MAX];

		add_map(&u, create(types[i].type, 4, 12, 200, types[i].flags));
		for (__u32 key = 0; key < 50; key++) {
			memset(values, (int)key, sizeof(values));
			put(u.fds.fd[0], &key, values);
		}
		clone_is_equal(&u);
		sees_and_repairs_changes(&u);
		drop(&u);
	}
}

static void clones_prefixes(void **state)
{
	struct unit_of_maps u = {0};
	struct {
		__u32 length;
		__u8 address[4];
	} key = {0};

	(void)state;
	add_map(&u, create(BPF_MAP_TYPE_LPM_TRIE, sizeof(key), 4, 1000, BPF_F_NO_PREALLOC));
	for (key.length = 0; key.length <= 32; key.length++) {
		key.address[0] = (__u8)key.length;
		put(u.fds.fd[0], &key, &key.length);
	}
	clone_is_equal(&u);
	key.length = 3;
	key.address[0] = 0xff;
	put(u.copy.fd[0], &key, &key.length);
	assert_int_equal(hone_maps_equal(&u.unit, &u.fds, &u.copy, detail), 0);
	drop(&u);
}

static void one_bit_in_a_large_array_is_seen(void **state)
{
	struct unit_of_maps u = {0};
	__u64 values[CPUS_MAX] = {0};
	__u32 key = PORTS - 1;
	struct timespec from, to;

	(void)state;
	add_map(&u, create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, PORTS, 0));
	clone_is_equal(&u);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(hone_maps_equal(&u.unit, &u.fds, &u.copy, detail), 1);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("compare of %u per-CPU entries: %.1f ms\n", PORTS,
		      (double)(to.tv_sec - from.tv_sec) * 1e3 +
			      (double)(to.tv_nsec - from.tv_nsec) / 1e6);
	values[libbpf_num_possible_cpus() - 1] = 1ULL << 63;
	put(u.copy.fd[0], &key, values);
	assert_int_equal(hone_maps_equal(&u.unit, &u.fds, &u.copy, detail), 0);
	assert_non_null(strstr(detail, "key ffff0000"));
	drop(&u);
}

static void clones_inner_maps_once(void **state)
{
	struct unit_of_maps u = {0};
	int inner = create(BPF_MAP_TYPE_HASH, 4, 4, 16, 0), outer;
	__u32 key = 1, id, id_again, value = 7;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (__u32)inner);

	(void)state;
	put(inner, &key, &value);
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer", 4, 4, 4, &opts);
	assert_true(outer >= 0);
	put(outer, &key, &inner);
	key = 3;
	put(outer, &key, &inner);
	add_map(&u, outer);
	add_map(&u, inner); /* a map of the unit, too */
	clone_is_equal(&u);

	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[0], &key, &id), 0);
	key = 1;
	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[0], &key, &id_again), 0);
	assert_int_equal(id, id_again);
	assert_true(id != u.map[1].id);
	value = 8;
	put(u.copy.fd[1], &key, &value); /* seen through the outer map as well */
	assert_int_equal(hone_maps_equal(&u.unit, &u.fds, &u.copy, detail), 0);
	drop(&u);
}

static void clones_devices(void **state)
{
	struct unit_of_maps u = {0};
	__u32 key = 2, targets[2] = {LO, 0};

	(void)state;
	add_map(&u, create(BPF_MAP_TYPE_DEVMAP, 4, 8, 8, 0));
	add_map(&u, create(BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 8, 0));
	put(u.fds.fd[0], &key, targets);
	put(u.fds.fd[1], &key, targets);
	clone_is_equal(&u);
	targets[0] = 0;
	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[0], &key, targets), 0);
	assert_int_equal(targets[0], LO);
	drop(&u);
}

static void frozen_maps_are_frozen_in_the_copy(void **state)
{
	struct unit_of_maps u = {0};
	struct hone_map map = {0};
	int fd = create(BPF_MAP_TYPE_ARRAY, 4, 100, 1, BPF_F_RDONLY_PROG);
	__u8 value[100] = {1, 2, 3};
	__u32 zero = 0;

	(void)state;
	put(fd, &zero, value);
	assert_int_equal(bpf_map_freeze(fd), 0);
	add_map(&u, fd);
	clone_is_equal(&u);
	assert_int_equal(hone_map_describe(u.copy.fd[0], &map), 0);
	assert_true(map.is_frozen);
	assert_int_equal(map.flags, BPF_F_RDONLY_PROG);
	drop(&u);
}

static void rings_are_new_and_empty(void **state)
{
	struct unit_of_maps u = {0};

	(void)state;
	add_map(&u, create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0));
	add_map(&u, create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2, 0));
	add_map(&u, create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0));
	clone_is_equal(&u);
	drop(&u);
}

/* Their contents stay behind; what programs put into copies of queues is compared. */
static void copies_of_what_cannot_be_read_are_empty(void **state)
{
	struct unit_of_maps u = {0};
	uint32_t one = 1, two = 2, zero = 0;

	(void)state;
	add_map(&u, create(BPF_MAP_TYPE_QUEUE, 0, 4, 4, 0));
	add_map(&u, create(BPF_MAP_TYPE_STACK, 0, 4, 4, 0));
	add_map(&u, create(BPF_MAP_TYPE_BLOOM_FILTER, 0, 4, 4, 0));
	add_map(&u, create(BPF_MAP_TYPE_XSKMAP, 4, 4, 4, 0));
	add_map(&u, create(BPF_MAP_TYPE_SOCKMAP, 4, 4, 4, 0));
	for (int i = 0; i < 3; i++)
		assert_int_equal(bpf_map_update_elem(u.fds.fd[i], NULL, &one, BPF_ANY), 0);
	assert_int_equal(hone_maps_clone(&u.unit, &u.fds, &u.copy, detail), 0);
	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[0], NULL, &zero), -ENOENT);
	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[1], NULL, &zero), -ENOENT);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(bpf_map_update_elem(u.copy.fd[i], NULL, &two, BPF_ANY), 0);
		assert_int_equal(hone_map_equal(&u.unit.maps[i], u.fds.fd[i], u.copy.fd[i], detail),
				 0);
		assert_non_null(strstr(detail, "01000000, 02000000"));
		assert_int_equal(bpf_map_update_elem(u.copy.fd[i], NULL, &two, BPF_ANY), 0);
		assert_int_equal(hone_map_equal(&u.unit.maps[i], u.fds.fd[i], u.copy.fd[i], detail),
				 0);
		assert_non_null(strstr(detail, "absent, 02000000"));
		assert_int_equal(hone_map_equal(&u.unit.maps[i], u.fds.fd[i], u.copy.fd[i], detail),
				 1);
	}
	drop(&u);
}

static void refuses(int fd, const char *why)
{
	struct unit_of_maps u = {0};

	add_map(&u, fd);
	assert_int_equal(hone_maps_clone(&u.unit, &u.fds, &u.copy, detail), -ENOTSUP);
	assert_non_null(strstr(detail, why));
	assert_int_equal(u.copy.n, 0);
	drop(&u);
}

/* Programs need copies of their own, on the copies of their maps: not this layer's. */
static void arrays_of_programs_are_empty_in_the_copy(void **state)
{
	const struct bpf_insn insns[] = {ASM_MOV_IMM(BPF_REG_0, 2), ASM_EXIT()};
	struct unit_of_maps u = {0};
	int programs = create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	int prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "target", "GPL", insns, 2, NULL);
	__u32 zero = 0, id;

	(void)state;
	put(programs, &zero, &prog);
	add_map(&u, programs);
	clone_is_equal(&u);
	assert_int_equal(bpf_map_lookup_elem(u.copy.fd[0], &zero, &id), -ENOENT);
	close(prog);
	drop(&u);
}

static void refuses_what_cannot_be_copied(void **state)
{
	int inner = create(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (__u32)inner);

	(void)state;
	refuses(create(BPF_MAP_TYPE_CGROUP_STORAGE, 16, 4, 0, 0), "type 19 cannot be copied");
	refuses(bpf_map_create(BPF_MAP_TYPE_HASH_OF_MAPS, "outer", 4, 4, 4, &opts), "template");
	close(inner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clones_plain_types),
		cmocka_unit_test(clones_prefixes),
		cmocka_unit_test(one_bit_in_a_large_array_is_seen),
		cmocka_unit_test(clones_inner_maps_once),
		cmocka_unit_test(clones_devices),
		cmocka_unit_test(frozen_maps_are_frozen_in_the_copy),
		cmocka_unit_test(rings_are_new_and_empty),
		cmocka_unit_test(arrays_of_programs_are_empty_in_the_copy),
		cmocka_unit_test(copies_of_what_cannot_be_read_are_empty),
		cmocka_unit_test(refuses_what_cannot_be_copied),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
