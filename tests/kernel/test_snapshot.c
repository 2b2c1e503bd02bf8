// SPDX-License-Identifier: Apache-2.0
/* snapshot: every type and size as the kernel gives it back, what is left out, and when it stops.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "grace.skel.h"
#include "runtime/live/maps.h"
#include "runtime/live/snapshot.h"
#include "tests/tools/kernel_test.h"

enum { ALL = 1 << 20, KEY_BYTES_MAX = 64, VALUES_BYTES_MAX = 128 * 1024 };

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	return 0;
}

static void release(struct hone_map *map)
{
	free(map->keys);
	free(map->values);
}

static int new_map(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0);
	int fd = bpf_map_create((enum bpf_map_type)type, "snapshot", key_bytes, value_bytes, n,
				&opts);

	assert_true(fd >= 0);
	return fd;
}

/* Entry i: a key that does not come in memcmp order, a value told by i, CPU and position. */
static void make_key(const struct hone_map *map, uint32_t i, uint8_t *key)
{
	memset(key, 0, map->key_size);
	if (map->type == BPF_MAP_TYPE_LPM_TRIE) {
		uint32_t length = 32;

		memcpy(key, &length, sizeof(length));
		memcpy(key + 4, &i, sizeof(i));
		return;
	}
	memcpy(key, &i, map->key_size < sizeof(i) ? map->key_size : sizeof(i));
}

static uint8_t value_byte(uint32_t i, uint32_t cpu, uint32_t at)
{
	return (uint8_t)(1 + (i * 31 + cpu * 7 + at) % 255); /* never zero */
}

static void put(int fd, const struct hone_map *map, uint32_t i)
{
	static uint8_t key[KEY_BYTES_MAX], values[VALUES_BYTES_MAX];
	uint32_t n_cpus = hone_map_is_per_cpu(map->type) ? (uint32_t)libbpf_num_possible_cpus() : 1;
	uint32_t stride = hone_map_value_stride(map);

	make_key(map, i, key);
	for (uint32_t cpu = 0; cpu < n_cpus; cpu++)
		for (uint32_t at = 0; at < stride; at++)
			values[cpu * stride + at] = value_byte(i, cpu, at);
	assert_int_equal(bpf_map_update_elem(fd, key, values, BPF_ANY), 0);
}

static void describe(int fd, struct hone_map *map)
{
	memset(map, 0, sizeof(*map));
	assert_int_equal(hone_map_describe(fd, map), 0);
}

static void assert_holds(const struct hone_map *map, uint32_t n)
{
	uint8_t key[KEY_BYTES_MAX];

	assert_true(map->complete);
	assert_int_equal(map->n_entries, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry = 0;

		make_key(map, i, key);
		while (entry < n &&
		       memcmp(map->keys + (size_t)entry * map->key_size, key, map->key_size) != 0)
			entry++;
		assert_true(entry < n);
		for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++)
			for (uint32_t at = 0; at < map->value_size; at++)
				assert_int_equal(hone_map_value(map, entry, cpu)[at],
						 value_byte(i, cpu, at));
	}
}

static void assert_sorted(const struct hone_map *map)
{
	for (uint32_t i = 1; i < map->n_entries; i++)
		assert_true(memcmp(map->keys + (size_t)(i - 1) * map->key_size,
				   map->keys + (size_t)i * map->key_size, map->key_size) < 0);
}

/* ---- types ---- */

static const uint32_t types[] = {
	BPF_MAP_TYPE_HASH,	   BPF_MAP_TYPE_LRU_HASH,
	BPF_MAP_TYPE_PERCPU_HASH,  BPF_MAP_TYPE_LRU_PERCPU_HASH,
	BPF_MAP_TYPE_LPM_TRIE,	   BPF_MAP_TYPE_ARRAY,
	BPF_MAP_TYPE_PERCPU_ARRAY,
};

static void check_type(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t n)
{
	/* LRU lists are per CPU: room to spare, so that nothing is evicted. */
	int fd = new_map(type, key_bytes, value_bytes, hone_map_is_array(type) ? n : 8 * n + 512);
	struct hone_map map;

	describe(fd, &map);
	for (uint32_t i = 0; i < n; i++)
		put(fd, &map, i);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), 0);
	assert_int_equal(map.n_cpus,
			 hone_map_is_per_cpu(type) ? (uint32_t)libbpf_num_possible_cpus() : 1);
	assert_holds(&map, n);
	assert_sorted(&map);
	release(&map);
	close(fd);
}

static void every_type_is_read_whole(void **state)
{
	static const uint32_t values[] = {1, 4, 8, 12, 64, 1000};
	static const uint32_t counts[] = {1, 2, 300};

	(void)state;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
				check_type(types[t], types[t] == BPF_MAP_TYPE_LPM_TRIE ? 8 : 4,
					   values[v], counts[c]);
}

static void keys_of_every_size_are_read(void **state)
{
	static const uint32_t keys[] = {2, 3, 6, 16, 63};

	(void)state;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		check_type(BPF_MAP_TYPE_HASH, keys[k], 8, 200);
		check_type(BPF_MAP_TYPE_PERCPU_HASH, keys[k], 8, 200);
	}
	check_type(BPF_MAP_TYPE_LPM_TRIE, 20, 8, 200);
}

static void more_entries_than_one_batch_are_read(void **state)
{
	(void)state;
	check_type(BPF_MAP_TYPE_HASH, 4, 8, 6000);
	check_type(BPF_MAP_TYPE_ARRAY, 4, 8, 6000);
	check_type(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 1000, 1500);
}

/* Of so large values a batch takes one; of 40 keys in 64 buckets some share one. */
static void buckets_larger_than_a_batch_are_read(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_HASH, 4, VALUES_BYTES_MAX, 64);
	struct hone_map map;

	(void)state;
	describe(fd, &map);
	for (uint32_t i = 0; i < 40; i++)
		put(fd, &map, i);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), 0);
	assert_true(map.complete);
	assert_int_equal(map.n_entries, 40);
	assert_sorted(&map);
	release(&map);
	close(fd);
}

static void empty_maps_are_complete(void **state)
{
	(void)state;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		int fd = new_map(types[t], types[t] == BPF_MAP_TYPE_LPM_TRIE ? 8 : 4, 8, 100);
		struct hone_map map;

		describe(fd, &map);
		assert_int_equal(hone_snapshot_take(fd, 0, 0, &map), 0);
		assert_true(map.complete);
		assert_int_equal(map.n_entries, 0);
		release(&map);
		close(fd);
	}
}

static void types_that_cannot_be_iterated_are_refused(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "snapshot", 4, 4, 1, NULL);
	struct hone_map map = {.type = HONE_MAP_TYPE_N};

	(void)state;
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), -ENOTSUP);
	describe(fd, &map);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), -ENOTSUP);
	close(fd);
}

/* ---- sparse arrays ---- */

static void zeros_of_arrays_are_left_out(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_ARRAY, 4, 8, 65536);
	struct hone_map map;

	(void)state;
	describe(fd, &map);
	put(fd, &map, 5);
	put(fd, &map, 65535);
	assert_int_equal(hone_snapshot_take(fd, 2, 0, &map), 0);
	assert_true(map.complete);
	assert_int_equal(map.n_entries, 2);
	assert_sorted(&map);
	release(&map);
	close(fd);
}

static void a_value_on_one_cpu_keeps_the_entry(void **state)
{
	int n_cpus = libbpf_num_possible_cpus();
	int fd = new_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 16);
	uint64_t *values = calloc((size_t)n_cpus, sizeof(*values));
	uint32_t key = 7;
	struct hone_map map;

	(void)state;
	values[n_cpus - 1] = 99;
	assert_int_equal(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
	describe(fd, &map);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), 0);
	assert_int_equal(map.n_entries, 1);
	assert_int_equal(map.n_cpus, n_cpus);
	assert_int_equal(*hone_map_value(&map, 0, (uint32_t)n_cpus - 1), 99);
	release(&map);
	free(values);
	close(fd);
}

static void zeros_of_hashes_are_kept(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_HASH, 4, 8, 16);
	uint64_t zero = 0;
	uint32_t key = 7;
	struct hone_map map;

	(void)state;
	assert_int_equal(bpf_map_update_elem(fd, &key, &zero, BPF_ANY), 0);
	describe(fd, &map);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), 0);
	assert_int_equal(map.n_entries, 1);
	release(&map);
	close(fd);
}

/* ---- limits ---- */

static void a_map_beyond_the_limit_is_incomplete(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_HASH, 4, 8, 64);
	struct hone_map map;

	(void)state;
	describe(fd, &map);
	for (uint32_t i = 0; i < 10; i++)
		put(fd, &map, i);
	assert_int_equal(hone_snapshot_take(fd, 9, 0, &map), 0);
	assert_false(map.complete);
	assert_int_equal(hone_snapshot_take(fd, 10, 0, &map), 0); /* replaces */
	assert_holds(&map, 10);
	release(&map);
	close(fd);
}

static void a_map_that_takes_too_long_is_incomplete(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_ARRAY, 4, 64, 100000);
	struct hone_map map;

	(void)state;
	describe(fd, &map);
	assert_int_equal(hone_snapshot_take(fd, ALL, 1, &map), 0);
	assert_false(map.complete);
	release(&map);
	close(fd);
}

static void failures_leave_the_map_untouched(void **state)
{
	int fd = new_map(BPF_MAP_TYPE_HASH, 4, 8, 64);
	int other = new_map(BPF_MAP_TYPE_HASH, 4, 16, 64);
	struct hone_map map;

	(void)state;
	describe(fd, &map);
	put(fd, &map, 0);
	assert_int_equal(hone_snapshot_take(fd, ALL, 0, &map), 0);
	assert_int_equal(hone_snapshot_take(other, ALL, 0, &map), -EINVAL);
	assert_holds(&map, 1);
	close(fd);
	assert_true(hone_snapshot_take(fd, ALL, 0, &map) < 0);
	assert_holds(&map, 1);
	release(&map);
	close(other);
}

/* ---- grace ---- */

/* The program tells when it starts and when it ends; its run takes long. */
static void a_grace_period_outlasts_running_programs(void **state)
{
	struct grace_bpf *skel = grace_bpf__open_and_load();
	pid_t pid;

	(void)state;
	assert_non_null(skel);
	pid = fork();
	if (pid == 0) {
		char packet[64] = {0};
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
			    .data_size_in = sizeof(packet));

		_exit(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.linger), &opts) != 0);
	}
	while (!__atomic_load_n(&skel->bss->is_started, __ATOMIC_SEQ_CST))
		usleep(100);
	assert_int_equal(hone_rcu_grace(), 0);
	assert_true(__atomic_load_n(&skel->bss->is_ended, __ATOMIC_SEQ_CST));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	grace_bpf__destroy(skel);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read_whole),
		cmocka_unit_test(keys_of_every_size_are_read),
		cmocka_unit_test(more_entries_than_one_batch_are_read),
		cmocka_unit_test(buckets_larger_than_a_batch_are_read),
		cmocka_unit_test(empty_maps_are_complete),
		cmocka_unit_test(types_that_cannot_be_iterated_are_refused),
		cmocka_unit_test(zeros_of_arrays_are_left_out),
		cmocka_unit_test(a_value_on_one_cpu_keeps_the_entry),
		cmocka_unit_test(zeros_of_hashes_are_kept),
		cmocka_unit_test(a_map_beyond_the_limit_is_incomplete),
		cmocka_unit_test(a_map_that_takes_too_long_is_incomplete),
		cmocka_unit_test(failures_leave_the_map_untouched),
		cmocka_unit_test(a_grace_period_outlasts_running_programs),
	};

	return cmocka_run_group_tests_name("snapshot", tests, set_up, NULL);
}
