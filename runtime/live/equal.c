// SPDX-License-Identifier: Apache-2.0
/* equal: where two copies of a map differ; to compare them, or to make one like the other.
 *
 * When:  after each batch of a check (compare), before clones are used again (copy).
 * Not:   events in rings, what sockets hold, filters. Programs cannot change what outer maps and
 * PROG_ARRAYs hold: of an outer map the inner ones are compared, pair by pair. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/content.h"
#include "runtime/live/map_kind.h"
#include "runtime/live/maps.h"

/* One key whose values differ; NULL: the key is absent there. */
struct difference {
	const uint8_t *key, *a, *b;
};

struct walk {
	const struct hone_map *map;
	uint32_t value_bytes;
	/* returns 0 to go on */
	int (*fn)(struct walk *walk, const struct difference *difference);
	int to_fd;		      /* copy: the map `b` */
	bool *is_different;	      /* copy: was there anything? */
	hone_map_difference_fn *show; /* differences: whom to show them to */
	void *arg;
};

static void content_cleanup(struct hone_content *content)
{
	hone_content_free(content);
}

static int compare_at(const struct hone_content *a, uint32_t i, const struct hone_content *b,
		      uint32_t j)
{
	if (i == a->n)
		return 1;
	if (j == b->n)
		return -1;
	return memcmp(hone_content_key(a, i), hone_content_key(b, j), a->key_size);
}

/* Both sorted by the same order. */
static int walk_differences(struct walk *walk, const struct hone_content *a,
			    const struct hone_content *b)
{
	uint32_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < a->n || j < b->n)) {
		int order = compare_at(a, i, b, j);
		struct difference at = {
			.key = order <= 0 ? hone_content_key(a, i) : hone_content_key(b, j),
			.a = order <= 0 ? hone_content_value(a, i) : NULL,
			.b = order >= 0 ? hone_content_value(b, j) : NULL,
		};

		i += order <= 0;
		j += order >= 0;
		if (!at.a || !at.b || memcmp(at.a, at.b, a->value_bytes) != 0)
			err = walk->fn(walk, &at);
	}
	return err;
}

/* 0: no difference, or fn never stopped. */
static int walk_map(struct walk *walk, int a_fd, int b_fd)
{
	_cleanup_(content_cleanup) struct hone_content a = {0};
	_cleanup_(content_cleanup) struct hone_content b = {0};
	int err = hone_content_read(a_fd, walk->map, &a);

	if (!err)
		err = hone_content_read(b_fd, walk->map, &b);
	if (err || hone_content_is_same(&a, &b))
		return err;
	err = hone_content_sort(&a);
	if (!err)
		err = hone_content_sort(&b);
	walk->value_bytes = a.value_bytes;
	return err ? err : walk_differences(walk, &a, &b);
}

/* The inner maps of two outer ones with the same keys, pair by pair. */
static int walk_inner(struct walk *walk, int a_fd, int b_fd)
{
	_cleanup_(content_cleanup) struct hone_content a = {0};
	_cleanup_(content_cleanup) struct hone_content b = {0};
	int err = hone_content_read(a_fd, walk->map, &a);

	if (!err)
		err = hone_content_read(b_fd, walk->map, &b);
	if (!err)
		err = hone_content_sort(&a);
	if (!err)
		err = hone_content_sort(&b);
	if (!err && (a.n != b.n || memcmp(a.keys, b.keys, (size_t)a.n * a.key_size) != 0))
		err = -ESTALE;
	for (uint32_t i = 0; !err && i < a.n; i++) {
		_cleanup_close_ int inner_a = -1;
		_cleanup_close_ int inner_b = -1;
		struct hone_map map = {0};
		struct walk inner = *walk;
		uint32_t id_a, id_b;

		memcpy(&id_a, hone_content_value(&a, i), sizeof(id_a));
		memcpy(&id_b, hone_content_value(&b, i), sizeof(id_b));
		inner_a = bpf_map_get_fd_by_id(id_a);
		inner_b = bpf_map_get_fd_by_id(id_b);
		if (inner_a < 0 || inner_b < 0)
			return -ENOENT;
		err = hone_map_describe(inner_a, &map);
		inner.map = &map;
		inner.to_fd = inner_b;
		if (!err)
			err = walk_map(&inner, inner_a, inner_b);
	}
	return err;
}

/* Empties both. One value more than the other: a key of no bytes that is absent there. */
static int walk_queue(struct walk *walk, int a_fd, int b_fd)
{
	_cleanup_free_ uint8_t *values = calloc(2, walk->map->value_size);
	uint8_t *b = values + walk->map->value_size;

	if (!values)
		return -ENOMEM;
	walk->value_bytes = walk->map->value_size;
	for (;;) {
		bool has_a = !bpf_map_lookup_and_delete_elem(a_fd, NULL, values);
		int err = has_a ? 0 : -errno;
		bool has_b = !bpf_map_lookup_and_delete_elem(b_fd, NULL, b);

		if (!has_a && err != -ENOENT)
			return err;
		if (!has_b && errno != ENOENT)
			return -errno;
		if (!has_a && !has_b)
			return 0;
		if (has_a != has_b || memcmp(values, b, walk->value_bytes) != 0)
			return walk->fn(walk, &(struct difference){.a = has_a ? values : NULL,
								   .b = has_b ? b : NULL});
	}
}

static int walk_any(struct walk *walk, int a_fd, int b_fd)
{
	switch (hone_map_kind(walk->map->type)) {
	case HONE_MAP_PLAIN:
	case HONE_MAP_TARGETS:
		return walk_map(walk, a_fd, b_fd);
	case HONE_MAP_OUTER:
		return walk_inner(walk, a_fd, b_fd);
	case HONE_MAP_QUEUE:
		return walk_queue(walk, a_fd, b_fd);
	case HONE_MAP_PROGRAMS:
	case HONE_MAP_FRESH:
	case HONE_MAP_NOT_CLONED:
		break;
	}
	return 0;
}

/* ---- differences ---- */

static int show_difference(struct walk *walk, const struct difference *difference)
{
	return walk->show(walk->arg, &(struct hone_map_difference){
					     .map = walk->map,
					     .key = difference->key,
					     .a = difference->a,
					     .b = difference->b,
					     .value_bytes = walk->value_bytes,
				     });
}

int hone_map_differences(const struct hone_map *map, int a_fd, int b_fd, hone_map_difference_fn *fn,
			 void *arg)
{
	struct walk walk = {.map = map, .fn = show_difference, .show = fn, .arg = arg};

	return walk_any(&walk, a_fd, b_fd);
}

/* ---- equal ---- */

enum { HEX_MAX = 40, IS_DIFFERENT = 1 };

static void write_hex(char out[2 * HEX_MAX + 1], const uint8_t *bytes, uint32_t size)
{
	uint32_t n = size < HEX_MAX ? size : HEX_MAX;

	out[0] = '\0';
	for (uint32_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void hone_map_difference_text(const struct hone_map_difference *at, uint32_t from, char *detail)
{
	char key[2 * HEX_MAX + 1], a[2 * HEX_MAX + 1] = "absent", b[2 * HEX_MAX + 1] = "absent";

	write_hex(key, at->key, at->map->key_size);
	if (at->a)
		write_hex(a, at->a + from, at->value_bytes - from);
	if (at->b)
		write_hex(b, at->b + from, at->value_bytes - from);
	snprintf(detail, HONE_DETAIL_LEN, "map %s, key %.40s, value at %u: %s, %s", at->map->name,
		 key, from, a, b);
}

/* Long values are shown from their first different byte on. */
static int describe_difference(void *detail, const struct hone_map_difference *at)
{
	uint32_t skip = 0;

	if (at->a && at->b && at->value_bytes > HEX_MAX)
		while (skip + HEX_MAX < at->value_bytes && at->a[skip] == at->b[skip])
			skip++;
	if (detail)
		hone_map_difference_text(at, skip, detail);
	return IS_DIFFERENT;
}

int hone_map_equal(const struct hone_map *map, int a_fd, int b_fd, char *detail)
{
	int result = hone_map_differences(map, a_fd, b_fd, describe_difference, detail);

	if (result == IS_DIFFERENT)
		return 0;
	return result ? result : 1;
}

int hone_maps_equal(const struct hone_unit *unit, const struct hone_maps *a,
		    const struct hone_maps *b, char *detail)
{
	int result = 1;

	for (uint32_t i = 0; i < unit->n_maps && result == 1; i++)
		if (b->fd[i] >= 0)
			result = hone_map_equal(&unit->maps[i], a->fd[i], b->fd[i], detail);
	return result;
}

/* ---- copy ---- */

/* What is too many goes first: a full map takes nothing new. */
static int delete_difference(struct walk *walk, const struct difference *difference)
{
	/* ids are read where fds are written; and no program can have changed these */
	if (hone_map_kind(walk->map->type) != HONE_MAP_PLAIN)
		return -ESTALE;
	*walk->is_different = true;
	if (difference->a)
		return 0;
	return bpf_map_delete_elem(walk->to_fd, difference->key) ? -errno : 0;
}

static int write_difference(struct walk *walk, const struct difference *difference)
{
	if (!difference->a)
		return 0;
	return bpf_map_update_elem(walk->to_fd, difference->key, difference->a, BPF_ANY) ? -errno
											 : 0;
}

int hone_map_copy(const struct hone_map *map, int from_fd, int to_fd)
{
	bool is_different = false;
	struct walk walk = {
		.map = map, .fn = delete_difference, .to_fd = to_fd, .is_different = &is_different};
	int err = walk_any(&walk, from_fd, to_fd);

	if (err || !is_different)
		return err;
	walk.fn = write_difference;
	return walk_any(&walk, from_fd, to_fd);
}

int hone_maps_copy(const struct hone_unit *unit, const struct hone_maps *from,
		   const struct hone_maps *to)
{
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		int err = to->fd[i] < 0 ? 0 : hone_map_copy(&unit->maps[i], from->fd[i], to->fd[i]);

		if (err)
			return hone_log_err(err, "map %s: cannot be copied again",
					    unit->maps[i].name);
	}
	return 0;
}
