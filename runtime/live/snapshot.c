// SPDX-License-Identifier: Apache-2.0
/* snapshot: one map's content, sorted by key, into facts.
 *
 * When:  after the map's epochs were read; the caller reads them again afterwards.
 * Does:  batch lookups, or key by key where the kernel has none for the type; sorts; leaves out
 *        array entries that are zero on every CPU.
 * Not:   one moment's view: the kernel has none. A key seen twice, because the map changed under
 *        the walk, makes the snapshot incomplete; a change that is not seen raises the epoch. */
#include "runtime/live/snapshot.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

enum {
	BATCH_BYTES = 128 * 1024, /* of values in one call; a bucket of a hash may need more */
	BATCH_ENTRIES_MAX = 4096,
	NO_BATCH = 524, /* ENOTSUPP, the kernel's own: no batch operation for this type */
};

/* Types whose content is bytes that can be iterated. Others are refused. */
static const bool can_iterate[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = true,	   [BPF_MAP_TYPE_ARRAY] = true,
	[BPF_MAP_TYPE_PERCPU_HASH] = true, [BPF_MAP_TYPE_PERCPU_ARRAY] = true,
	[BPF_MAP_TYPE_LRU_HASH] = true,	   [BPF_MAP_TYPE_LRU_PERCPU_HASH] = true,
	[BPF_MAP_TYPE_LPM_TRIE] = true,
};

/* A snapshot being taken. */
struct take {
	int fd;
	bool is_sparse;
	uint32_t key_bytes;
	size_t value_bytes; /* of all CPUs */
	uint32_t map_entries, max_entries;
	uint64_t deadline_ns; /* 0: none */
	bool is_over;	      /* a limit was passed, or the map changed: not complete */

	uint32_t n, room;
	uint8_t *keys, *values;
};

static void release_take(struct take *take)
{
	free(take->keys);
	free(take->values);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_late(const struct take *take)
{
	return take->deadline_ns && now_ns() > take->deadline_ns;
}

/* ---- collecting ---- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static int grow(struct take *take)
{
	uint32_t room = take->room ? take->room * 2 : 64;
	uint8_t *keys, *values;

	if (room > take->max_entries)
		room = take->max_entries;
	keys = reallocarray(take->keys, room, take->key_bytes);
	if (!keys)
		return -ENOMEM;
	take->keys = keys;
	values = reallocarray(take->values, room, take->value_bytes);
	if (!values)
		return -ENOMEM;
	take->values = values;
	take->room = room;
	return 0;
}

static int keep(struct take *take, const uint8_t *key, const uint8_t *value)
{
	int err;

	if (take->is_sparse && is_zero(value, take->value_bytes))
		return 0;
	if (take->n == take->max_entries) {
		take->is_over = true;
		return 0;
	}
	err = take->n == take->room ? grow(take) : 0;
	if (err)
		return err;
	memcpy(take->keys + (size_t)take->n * take->key_bytes, key, take->key_bytes);
	memcpy(take->values + take->n * take->value_bytes, value, take->value_bytes);
	take->n++;
	return 0;
}

/* ---- reading by batches ---- */

struct batch {
	uint32_t room; /* entries */
	uint8_t *keys, *values;
	uint8_t *at; /* where the kernel is: a bucket number, or a key */
	bool has_at;
};

static void release_batch(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
	free(batch->at);
}

static int resize_batch(struct batch *batch, const struct take *take, uint32_t room)
{
	uint8_t *keys = reallocarray(batch->keys, room, take->key_bytes);
	uint8_t *values;

	if (!keys)
		return -ENOMEM;
	batch->keys = keys;
	values = reallocarray(batch->values, room, take->value_bytes);
	if (!values)
		return -ENOMEM;
	batch->values = values;
	batch->room = room;
	return 0;
}

static int new_batch(struct batch *batch, const struct take *take)
{
	size_t room = BATCH_BYTES / take->value_bytes;

	if (room > BATCH_ENTRIES_MAX)
		room = BATCH_ENTRIES_MAX;
	if (room == 0)
		room = 1;
	batch->at =
		calloc(1, take->key_bytes > sizeof(uint32_t) ? take->key_bytes : sizeof(uint32_t));
	return batch->at ? resize_batch(batch, take, (uint32_t)room) : -ENOMEM;
}

/* One call. *is_last: the kernel has no more. -ENOSPC: a bucket does not fit. */
static int read_batch(struct take *take, struct batch *batch, bool *is_last)
{
	uint32_t n = batch->room;
	int err = bpf_map_lookup_batch(take->fd, batch->has_at ? batch->at : NULL, batch->at,
				       batch->keys, batch->values, &n, NULL);

	*is_last = err == -ENOENT;
	if (err && !*is_last)
		return err;
	batch->has_at = true;
	for (uint32_t i = 0; i < n; i++) {
		err = keep(take, batch->keys + (size_t)i * take->key_bytes,
			   batch->values + i * take->value_bytes);
		if (err)
			return err;
	}
	return 0;
}

static int read_by_batches(struct take *take)
{
	_cleanup_(release_batch) struct batch batch = {0};
	bool is_last = false;
	int err = new_batch(&batch, take);

	while (!err && !is_last && !take->is_over) {
		err = read_batch(take, &batch, &is_last);
		if (err == -ENOSPC && batch.room < take->map_entries)
			err = resize_batch(&batch, take, batch.room * 2);
		if (!is_last && is_late(take))
			take->is_over = true;
	}
	return err;
}

/* ---- reading key by key ---- */

/* A key that is deleted under the walk sends it back to the start: bounded by the map's size. */
static int read_by_keys(struct take *take)
{
	_cleanup_free_ uint8_t *key = malloc(take->key_bytes);
	_cleanup_free_ uint8_t *next = malloc(take->key_bytes);
	_cleanup_free_ uint8_t *value = malloc(take->value_bytes);
	uint32_t n_seen = 0;
	int err;

	if (!key || !next || !value)
		return -ENOMEM;
	err = bpf_map_get_next_key(take->fd, NULL, next);
	while (!err && !take->is_over) {
		memcpy(key, next, take->key_bytes);
		if (n_seen++ == take->map_entries || is_late(take)) {
			take->is_over = true;
			return 0;
		}
		err = bpf_map_lookup_elem(take->fd, key, value);
		if (!err)
			err = keep(take, key, value);
		else if (err == -ENOENT) /* deleted meanwhile */
			err = 0;
		if (err)
			return err;
		err = bpf_map_get_next_key(take->fd, key, next);
	}
	return err == -ENOENT ? 0 : err;
}

static int read_all(struct take *take)
{
	int err = read_by_batches(take);

	/* EINVAL: a kernel without the command. Nothing was kept then. */
	if (err == -NO_BATCH || (err == -EINVAL && take->n == 0))
		err = read_by_keys(take);
	return err;
}

/* ---- sorting ---- */

static int compare_keys(const void *a, const void *b, void *arg)
{
	const struct take *take = arg;

	return memcmp(take->keys + (size_t)*(const uint32_t *)a * take->key_bytes,
		      take->keys + (size_t)*(const uint32_t *)b * take->key_bytes, take->key_bytes);
}

/* The rows of `from` in the given order. */
static uint8_t *reordered(const uint8_t *from, size_t bytes, const uint32_t *order, uint32_t n)
{
	uint8_t *to = calloc(n, bytes);

	for (uint32_t i = 0; to && i < n; i++)
		memcpy(to + i * bytes, from + order[i] * bytes, bytes);
	return to;
}

static int sort(struct take *take)
{
	_cleanup_free_ uint32_t *order = calloc(take->n + 1, sizeof(*order));
	uint8_t *keys, *values;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < take->n; i++)
		order[i] = i;
	qsort_r(order, take->n, sizeof(*order), compare_keys, take);
	for (uint32_t i = 1; i < take->n; i++)
		if (compare_keys(&order[i - 1], &order[i], take) == 0)
			take->is_over = true;

	keys = reordered(take->keys, take->key_bytes, order, take->n);
	values = reordered(take->values, take->value_bytes, order, take->n);
	if (take->n && (!keys || !values)) {
		free(keys);
		free(values);
		return -ENOMEM;
	}
	release_take(take);
	take->keys = keys;
	take->values = values;
	return 0;
}

/* ---- all of it ---- */

/* The kernel writes what the map's own sizes say: a description of another map would overflow. */
static int check_described(int fd, const struct hone_map *map)
{
	struct bpf_map_info info;
	int err = hone_map_info(fd, &info);

	if (err)
		return hone_log_err(err, "map %s: cannot be asked for its sizes", map->name);
	if (info.type != map->type || info.key_size != map->key_size ||
	    info.value_size != map->value_size || info.max_entries != map->max_entries)
		return hone_log_err(-EINVAL, "map %s: is not the map described", map->name);
	return 0;
}

static void hand_over(struct take *take, uint32_t n_cpus, struct hone_map *map)
{
	free(map->keys);
	free(map->values);
	map->keys = TAKE_PTR(take->keys);
	map->values = TAKE_PTR(take->values);
	map->n_entries = take->n;
	map->n_cpus = n_cpus;
	map->complete = !take->is_over;
}

int hone_snapshot_take(int fd, uint32_t max_entries, uint64_t limit_us, struct hone_map *map)
{
	int n_cpus = hone_map_is_per_cpu(map->type) ? libbpf_num_possible_cpus() : 1;
	_cleanup_(release_take) struct take take = {
		.fd = fd,
		.is_sparse = hone_map_is_array(map->type),
		.key_bytes = map->key_size,
		.value_bytes = (size_t)hone_map_value_stride(map) * (size_t)n_cpus,
		.map_entries = map->max_entries,
		.max_entries = max_entries,
		.deadline_ns = limit_us ? now_ns() + limit_us * 1000 : 0,
	};
	int err;

	if (map->type >= HONE_MAP_TYPE_N || !can_iterate[map->type])
		return -ENOTSUP;
	if (n_cpus < 1)
		return hone_log_err(n_cpus, "map %s: cannot count the CPUs", map->name);
	err = check_described(fd, map);
	if (err)
		return err;
	err = read_all(&take);
	err = err ?: sort(&take);
	if (err)
		return hone_log_err(err, "map %s: cannot be read", map->name);
	hand_over(&take, (uint32_t)n_cpus, map);
	return 0;
}
