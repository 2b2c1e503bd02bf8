// SPDX-License-Identifier: Apache-2.0
/* clone: new maps, equal to a unit's, so that programs can be run without a trace.
 *
 * When:    before each check and each measurement; copy() when clones are to be used again.
 * Does:    same type, sizes, flags, BTF and contents; inner maps are cloned once each, and an
 *          inner map that is also a map of the unit stays the same map in the copy.
 * Not:     rings, queues, filters and maps of sockets get no content, PROG_ARRAYs neither
 * (deploy/targets.c): none of them is ever folded, so what a check misses by that is coverage.
 * Hash seeds are zero in the clones, so that two clones are walked in the same order. Recency in
 * LRU maps is that of the copying. Refuses: types that it does not know, an outer map without an
 * inner one to take as the template. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/content.h"
#include "runtime/live/map_kind.h"
#include "runtime/live/maps.h"

static const enum hone_map_kind kinds[HONE_MAP_TYPE_N] = {
	[BPF_MAP_TYPE_HASH] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_ARRAY] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_PERCPU_HASH] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_LRU_HASH] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_LPM_TRIE] = HONE_MAP_PLAIN,
	[BPF_MAP_TYPE_DEVMAP] = HONE_MAP_TARGETS,
	[BPF_MAP_TYPE_DEVMAP_HASH] = HONE_MAP_TARGETS,
	[BPF_MAP_TYPE_CPUMAP] = HONE_MAP_TARGETS,
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = HONE_MAP_OUTER,
	[BPF_MAP_TYPE_HASH_OF_MAPS] = HONE_MAP_OUTER,
	[BPF_MAP_TYPE_PROG_ARRAY] = HONE_MAP_PROGRAMS,
	[BPF_MAP_TYPE_QUEUE] = HONE_MAP_QUEUE,
	[BPF_MAP_TYPE_STACK] = HONE_MAP_QUEUE,
	[BPF_MAP_TYPE_RINGBUF] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_USER_RINGBUF] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_BLOOM_FILTER] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_STACK_TRACE] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_XSKMAP] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_SOCKMAP] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_SOCKHASH] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_CGROUP_ARRAY] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_SK_STORAGE] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_TASK_STORAGE] = HONE_MAP_FRESH,
	[BPF_MAP_TYPE_INODE_STORAGE] = HONE_MAP_FRESH,
};

enum hone_map_kind hone_map_kind(uint32_t type)
{
	return type < HONE_MAP_TYPE_N ? kinds[type] : HONE_MAP_NOT_CLONED;
}

static bool has_seed(uint32_t type)
{
	return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_BLOOM_FILTER;
}

/* Maps that outer maps hold: kernel id of the original, fd of the clone. */
struct twins {
	uint32_t n;
	struct twin {
		uint32_t id;
		int fd;
		bool is_owned;
	} *twin;
};

static int find_twin(const struct twins *twins, uint32_t id)
{
	for (uint32_t i = 0; i < twins->n; i++)
		if (twins->twin[i].id == id)
			return twins->twin[i].fd;
	return -1;
}

static int add_twin(struct twins *twins, uint32_t id, int fd, bool is_owned)
{
	struct twin *grown = realloc(twins->twin, (twins->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	twins->twin = grown;
	twins->twin[twins->n++] = (struct twin){.id = id, .fd = fd, .is_owned = is_owned};
	return 0;
}

static void twins_free(struct twins *twins)
{
	for (uint32_t i = 0; i < twins->n; i++)
		if (twins->twin[i].is_owned)
			close(twins->twin[i].fd);
	free(twins->twin);
}

/* Flags of the syscall side (who may read or write through fds) and of memory placement are not
 * those of the content. */
static __u32 clone_flags(const struct bpf_map_info *info)
{
	__u32 flags = info->map_flags & ~(__u32)(BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_NUMA_NODE);

	/* kernel/bpf/devmap.c sets this one itself and does not accept it */
	if (info->type == BPF_MAP_TYPE_DEVMAP || info->type == BPF_MAP_TYPE_DEVMAP_HASH)
		flags &= ~(__u32)BPF_F_RDONLY_PROG;
	return has_seed(info->type) ? flags | BPF_F_ZERO_SEED : flags;
}

/* An empty map like the one that fd is. inner_fd: template of an outer map, else 0. */
static int create_like(int fd, int inner_fd)
{
	struct bpf_map_info info;
	_cleanup_close_ int btf_fd = -1;
	int err = hone_map_info(fd, &info);

	if (err)
		return err;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = clone_flags(&info),
		    .inner_map_fd = (__u32)inner_fd, .map_extra = info.map_extra);
	if (info.btf_id && !info.btf_vmlinux_value_type_id && info.btf_value_type_id) {
		btf_fd = bpf_btf_get_fd_by_id(info.btf_id);
		if (btf_fd < 0)
			return -errno;
		opts.btf_fd = (__u32)btf_fd;
		opts.btf_key_type_id = info.btf_key_type_id;
		opts.btf_value_type_id = info.btf_value_type_id;
	}
	fd = bpf_map_create((enum bpf_map_type)info.type, info.name, info.key_size, info.value_size,
			    info.max_entries, &opts);
	return fd < 0 ? -errno : fd;
}

static int write_one_by_one(int fd, const struct hone_content *content)
{
	for (uint32_t i = 0; i < content->n; i++)
		if (bpf_map_update_elem(fd, hone_content_key(content, i),
					hone_content_value(content, i), BPF_ANY))
			return -errno;
	return 0;
}

/* Entries that could be written by a batch that failed later are written again: no harm. */
static int write_content(int fd, const struct hone_content *content)
{
	__u32 count = content->n;

	if (content->n == 0 ||
	    !bpf_map_update_batch(fd, content->keys, content->values, &count, NULL))
		return 0;
	return write_one_by_one(fd, content);
}

static bool is_zero(const uint8_t *bytes, uint32_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* A new array holds zeros: they need not be written. Moves the others to the front. */
static void drop_zeros(struct hone_content *content)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < content->n; i++) {
		if (is_zero(hone_content_value(content, i), content->value_bytes))
			continue;
		memmove(hone_content_key(content, n), hone_content_key(content, i),
			content->key_size);
		memmove(hone_content_value(content, n), hone_content_value(content, i),
			content->value_bytes);
		n++;
	}
	content->n = n;
}

/* The second word of a target is a program: read as an id, written as an fd. */
static int write_targets(int fd, const struct hone_content *content)
{
	for (uint32_t i = 0; i < content->n; i++) {
		_cleanup_close_ int prog_fd = -1;
		__u32 words[2] = {0};

		memcpy(words, hone_content_value(content, i),
		       content->value_bytes < sizeof(words) ? content->value_bytes : sizeof(words));
		if (content->value_bytes >= sizeof(words) && words[1]) {
			prog_fd = bpf_prog_get_fd_by_id(words[1]);
			if (prog_fd < 0)
				return -errno;
			words[1] = (__u32)prog_fd;
		}
		if (bpf_map_update_elem(fd, hone_content_key(content, i), words, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void content_cleanup(struct hone_content *content)
{
	hone_content_free(content);
}

/* Fills a new map with what `from_fd` holds, frozen if that is. */
static int fill(int from_fd, int fd, const struct hone_map *map)
{
	_cleanup_(content_cleanup) struct hone_content content = {0};
	enum hone_map_kind kind = hone_map_kind(map->type);
	int err = hone_content_read(from_fd, map, &content);

	if (err)
		return err;
	if (hone_map_is_array(map->type))
		drop_zeros(&content);
	err = kind == HONE_MAP_TARGETS ? write_targets(fd, &content) : write_content(fd, &content);
	if (!err && map->is_frozen && bpf_map_freeze(fd))
		err = -errno;
	return err;
}

static int clone_simple(int from_fd, const struct hone_map *map)
{
	_cleanup_close_ int fd = create_like(from_fd, 0);
	int err;

	if (fd < 0)
		return fd;
	err = fill(from_fd, fd, map);
	return err ? err : TAKE_FD(fd);
}

/* The clone of the map with this id, made at first sight. Borrowed from twins. */
static int clone_inner(struct twins *twins, uint32_t id)
{
	_cleanup_close_ int from_fd = -1;
	_cleanup_close_ int fd = find_twin(twins, id);
	struct hone_map map = {0};
	int err;

	if (fd >= 0)
		return TAKE_FD(fd);
	from_fd = bpf_map_get_fd_by_id(id);
	if (from_fd < 0)
		return -errno;
	err = hone_map_describe(from_fd, &map);
	if (err)
		return err;
	if (hone_map_kind(map.type) != HONE_MAP_PLAIN)
		return -ENOTSUP;
	fd = clone_simple(from_fd, &map);
	if (fd < 0)
		return fd;
	err = add_twin(twins, id, fd, true);
	return err ? err : TAKE_FD(fd);
}

static int clone_outer(int from_fd, const struct hone_map *map, struct twins *twins, char *detail)
{
	_cleanup_(content_cleanup) struct hone_content content = {0};
	_cleanup_close_ int fd = -1;
	int err = hone_content_read(from_fd, map, &content);

	if (err)
		return err;
	if (content.n == 0) {
		snprintf(detail, HONE_DETAIL_LEN,
			 "map %s: holds no inner map to take as a template", map->name);
		return -ENOTSUP;
	}
	for (uint32_t i = 0; i < content.n; i++) {
		uint32_t id;
		int inner_fd;

		memcpy(&id, hone_content_value(&content, i), sizeof(id));
		inner_fd = clone_inner(twins, id);
		if (inner_fd < 0)
			return inner_fd;
		if (fd < 0)
			fd = create_like(from_fd, inner_fd);
		if (fd < 0)
			return fd;
		if (bpf_map_update_elem(fd, hone_content_key(&content, i), &inner_fd, BPF_ANY))
			return -errno;
	}
	return TAKE_FD(fd);
}

static int clone_map(int from_fd, const struct hone_map *map, struct twins *twins, char *detail)
{
	switch (hone_map_kind(map->type)) {
	case HONE_MAP_PLAIN:
	case HONE_MAP_TARGETS:
		return clone_simple(from_fd, map);
	case HONE_MAP_OUTER:
		return clone_outer(from_fd, map, twins, detail);
	case HONE_MAP_QUEUE:
	case HONE_MAP_FRESH:
	case HONE_MAP_PROGRAMS:
		return create_like(from_fd, 0);
	case HONE_MAP_NOT_CLONED:
		break;
	}
	snprintf(detail, HONE_DETAIL_LEN, "map %s: type %u cannot be copied", map->name, map->type);
	return -ENOTSUP;
}

/* Outer maps come last: their inner maps may be maps of the unit. */
static int clone_all(const struct hone_unit *unit, const struct hone_maps *from,
		     struct hone_maps *out, struct twins *twins, char *detail)
{
	for (int want_outer = 0; want_outer <= 1; want_outer++) {
		for (uint32_t i = 0; i < from->n; i++) {
			const struct hone_map *map = &unit->maps[i];
			bool is_outer = hone_map_kind(map->type) == HONE_MAP_OUTER;
			int fd, err;

			if (is_outer != (want_outer == 1))
				continue;
			detail[0] = '\0';
			fd = clone_map(from->fd[i], map, twins, detail);
			if (fd < 0) {
				if (!detail[0])
					snprintf(detail, HONE_DETAIL_LEN, "map %s: %s", map->name,
						 strerror(-fd));
				return fd;
			}
			out->fd[i] = fd;
			err = add_twin(twins, map->id, fd, false);
			if (err)
				return err;
		}
	}
	return 0;
}

int hone_maps_clone(const struct hone_unit *unit, const struct hone_maps *from,
		    struct hone_maps *out, char *detail)
{
	struct hone_maps maps = {.n = from->n};
	struct twins twins = {0};
	char why[HONE_DETAIL_LEN] = "";
	int err;

	if (from->n != unit->n_maps || from->n > HONE_MAPS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < maps.n; i++)
		maps.fd[i] = -1;
	err = clone_all(unit, from, &maps, &twins, why);
	twins_free(&twins);
	if (err) {
		hone_maps_close(&maps);
		if (detail)
			memcpy(detail, why, sizeof(why));
		return err;
	}
	*out = maps;
	return 0;
}
