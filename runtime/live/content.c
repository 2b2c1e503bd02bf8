// SPDX-License-Identifier: Apache-2.0
/* content: read a whole map into memory, by batches where the type has them.
 *
 * When:  clone.c copies and compares maps: after every batch of packets of a check, hence fast.
 * Not:   maps that change meanwhile (snapshot.c knows what to do about that).
 * Batch tokens: a bucket number for hashes, the last key for the others. */
#include "runtime/live/content.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"

enum { FIRST_CAPACITY = 65536, KERNEL_ENOTSUPP = 524 };

void hone_content_free(struct hone_content *content)
{
	free(content->keys);
	free(content->values);
	*content = (struct hone_content){0};
}

static int grow(struct hone_content *content, uint32_t capacity)
{
	uint8_t *keys = realloc(content->keys, (size_t)capacity * content->key_size);
	uint8_t *values;

	if (!keys)
		return -ENOMEM;
	content->keys = keys;
	values = realloc(content->values, (size_t)capacity * content->value_bytes);
	if (!values)
		return -ENOMEM;
	content->values = values;
	content->capacity = capacity;
	return 0;
}

static int make_room(struct hone_content *content)
{
	if (content->n < content->capacity)
		return 0;
	return grow(content, content->capacity * 2);
}

/* 1: no batches for this type here. */
static int read_batches(int fd, struct hone_content *out)
{
	size_t token_size = out->key_size < sizeof(__u32) ? sizeof(__u32) : out->key_size;
	_cleanup_free_ uint8_t *token = calloc(1, token_size);
	bool is_first = true;
	int err = 0;

	if (!token)
		return -ENOMEM;
	while (!err) {
		__u32 count;

		err = make_room(out);
		if (err)
			return err;
		count = out->capacity - out->n;
		err = bpf_map_lookup_batch(fd, is_first ? NULL : token, token,
					   hone_content_key(out, out->n),
					   hone_content_value(out, out->n), &count, NULL);
		if (err)
			err = -errno;
		if (is_first && (err == -KERNEL_ENOTSUPP || err == -EOPNOTSUPP || err == -EINVAL))
			return 1;
		if (err == -ENOSPC) { /* the next bucket holds more than there is room for */
			err = grow(out, out->capacity * 2);
			continue;
		}
		if (!err || err == -ENOENT)
			out->n += count;
		if (!err && count > 0)
			is_first = false;
	}
	return err == -ENOENT ? 0 : err;
}

static int read_one_by_one(int fd, struct hone_content *out)
{
	int err = 0;

	while (!err) {
		const uint8_t *previous = out->n ? hone_content_key(out, out->n - 1) : NULL;

		err = make_room(out);
		if (err)
			return err;
		previous = out->n ? hone_content_key(out, out->n - 1) : NULL;
		if (bpf_map_get_next_key(fd, previous, hone_content_key(out, out->n)))
			return errno == ENOENT ? 0 : -errno;
		if (!bpf_map_lookup_elem(fd, hone_content_key(out, out->n),
					 hone_content_value(out, out->n)))
			out->n++;
		else
			err = -errno;
	}
	return err;
}

/* Arrays of devices, CPUs, maps and programs list every index as a key; those without an entry
 * cannot be looked up. */
static bool has_holes(uint32_t type)
{
	return type == BPF_MAP_TYPE_DEVMAP || type == BPF_MAP_TYPE_CPUMAP ||
	       type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_PROG_ARRAY;
}

static int read_holes(int fd, const struct hone_map *map, struct hone_content *out)
{
	for (__u32 index = 0; index < map->max_entries; index++) {
		int err = make_room(out);

		if (err)
			return err;
		memcpy(hone_content_key(out, out->n), &index, sizeof(index));
		if (!bpf_map_lookup_elem(fd, &index, hone_content_value(out, out->n)))
			out->n++;
		else if (errno != ENOENT)
			return -errno;
	}
	return 0;
}

int hone_content_read(int fd, const struct hone_map *map, struct hone_content *out)
{
	struct hone_content content = {.key_size = map->key_size, .value_bytes = map->value_size};
	uint32_t capacity = map->max_entries < FIRST_CAPACITY ? map->max_entries : FIRST_CAPACITY;
	int err;

	if (map->key_size == 0 || map->value_size == 0)
		return -ENOTSUP;
	if (hone_map_is_per_cpu(map->type)) {
		int n_cpus = libbpf_num_possible_cpus();

		if (n_cpus < 0)
			return n_cpus;
		content.value_bytes = (uint32_t)n_cpus * ((map->value_size + 7) & ~7U);
	}
	err = grow(&content, capacity + 1);
	if (!err && has_holes(map->type))
		err = read_holes(fd, map, &content);
	else if (!err) {
		err = read_batches(fd, &content);
		if (err == 1)
			err = read_one_by_one(fd, &content);
	}
	if (err) {
		hone_content_free(&content);
		return err;
	}
	*out = content;
	return 0;
}

static int compare_keys(const void *a, const void *b, void *arg)
{
	const struct hone_content *content = arg;

	return memcmp(hone_content_key(content, *(const uint32_t *)a),
		      hone_content_key(content, *(const uint32_t *)b), content->key_size);
}

int hone_content_sort(struct hone_content *content)
{
	_cleanup_free_ uint32_t *order = malloc((content->n + 1) * sizeof(*order));
	struct hone_content sorted = {.key_size = content->key_size,
				      .value_bytes = content->value_bytes};
	int err = grow(&sorted, content->capacity);

	if (!order || err) {
		hone_content_free(&sorted);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < content->n; i++)
		order[i] = i;
	qsort_r(order, content->n, sizeof(*order), compare_keys, content);
	for (uint32_t i = 0; i < content->n; i++) {
		memcpy(hone_content_key(&sorted, i), hone_content_key(content, order[i]),
		       content->key_size);
		memcpy(hone_content_value(&sorted, i), hone_content_value(content, order[i]),
		       content->value_bytes);
	}
	sorted.n = content->n;
	hone_content_free(content);
	*content = sorted;
	return 0;
}

bool hone_content_is_same(const struct hone_content *a, const struct hone_content *b)
{
	return a->n == b->n && a->key_size == b->key_size && a->value_bytes == b->value_bytes &&
	       memcmp(a->keys, b->keys, (size_t)a->n * a->key_size) == 0 &&
	       memcmp(a->values, b->values, (size_t)a->n * a->value_bytes) == 0;
}
