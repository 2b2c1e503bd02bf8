// SPDX-License-Identifier: Apache-2.0
/* sharing: what programs other than the unit's own may do to its maps.
 *
 * When:  before a compile and at each re-decision; a BPF_PROG_LOAD or an iterator's link raises
 *        the epochs (watch), so: read the epoch, walk, snapshot, publish if the epoch stayed.
 * Does:  three walks. Programs that hold a map are asked about. Programs that reach a map as an
 *        inner map of one they hold, and iterators over a map's elements, which their links name
 *        and not the programs, count as writers of everything.
 * Not:   user space: bpf(2) is watched, mmap is the map's class.
 * Cost:  4 to 6 us per program, about 3 us per map and per link of the whole machine. */
#include "runtime/live/sharing.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

enum { IDS_MAX = 512 }; /* maps that one program can hold: kernel's MAX_USED_MAPS is 64 */

/* A map through which programs reach some of the unit's maps. */
struct outer {
	uint32_t id;
	uint64_t inner; /* indexes of the unit's maps, as a set */
};

struct walk {
	struct hone_unit *unit;
	bool (*is_ours)(void *arg, uint32_t prog_id);
	hone_sharing_ask ask;
	void *arg;
	struct outer *outers;
	uint32_t n_outers;
};

static void release_walk(struct walk *walk)
{
	free(walk->outers);
}

static uint64_t find_map(const struct hone_unit *unit, uint32_t map_id)
{
	uint64_t set = 0;

	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (unit->maps[i].id == map_id && map_id)
			set |= UINT64_C(1) << i;
	return set;
}

static void join(struct walk *walk, uint64_t maps, const struct hone_effects *effects)
{
	for (uint32_t i = 0; i < walk->unit->n_maps; i++)
		if (maps & UINT64_C(1) << i)
			hone_effects_join(&walk->unit->maps[i].others, effects);
}

static void join_unknown(struct walk *walk, uint64_t maps)
{
	const struct hone_effects unknown = {.writes_keys = true, .is_unknown = true};

	join(walk, maps, &unknown);
}

/* ---- maps that hold our maps ---- */

static bool is_outer(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

static int add_outer(struct walk *walk, uint32_t id, uint64_t inner)
{
	struct outer *outers =
		reallocarray(walk->outers, walk->n_outers + 1, sizeof(*walk->outers));

	if (!outers)
		return -ENOMEM;
	outers[walk->n_outers++] = (struct outer){.id = id, .inner = inner};
	walk->outers = outers;
	return 0;
}

/* The value that bpf(2) reads from a map-in-map is the inner map's id. A map that cannot be read,
 * or changes faster than it can be walked, may hold all of ours. */
static uint64_t find_inner(const struct walk *walk, int fd, uint8_t *key, uint32_t max_entries)
{
	uint64_t set = 0;
	uint32_t inner_id;
	int err = bpf_map_get_next_key(fd, NULL, key);

	for (uint64_t n = 0; !err && n < 2 * (uint64_t)max_entries; n++) {
		err = bpf_map_lookup_elem(fd, key, &inner_id);
		if (!err)
			set |= find_map(walk->unit, inner_id);
		else if (err != -ENOENT)
			return UINT64_MAX;
		err = bpf_map_get_next_key(fd, key, key);
	}
	return err == -ENOENT ? set : UINT64_MAX;
}

static int visit_map(struct walk *walk, uint32_t id)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	_cleanup_free_ uint8_t *key = NULL;
	struct bpf_map_info info;
	uint64_t inner;
	int err;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = hone_map_info(fd, &info);
	if (err || !is_outer(info.type))
		return err;
	key = malloc(info.key_size);
	if (!key)
		return -ENOMEM;
	inner = find_inner(walk, fd, key, info.max_entries);
	return inner ? add_outer(walk, id, inner) : 0;
}

/* ---- iterators over our maps ---- */

static int visit_link(struct walk *walk, uint32_t id)
{
	_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);
	struct bpf_link_info info;
	int err;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = hone_link_info(fd, &info);
	if (!err && info.type == BPF_LINK_TYPE_ITER)
		join_unknown(walk, find_map(walk->unit, info.iter.map.map_id));
	return err;
}

/* ---- programs ---- */

static void visit_held(struct walk *walk, uint32_t prog_id, uint32_t map_id)
{
	struct hone_effects effects = {0};
	uint64_t held = find_map(walk->unit, map_id);

	for (uint32_t i = 0; i < walk->n_outers; i++)
		if (walk->outers[i].id == map_id)
			join_unknown(walk, walk->outers[i].inner);
	if (!held)
		return;
	if (walk->ask(walk->arg, prog_id, map_id, &effects))
		join_unknown(walk, held);
	else
		join(walk, held, &effects);
}

/* The unit itself may reach its own maps through its own outer map: that is not told by its
 * analysis of the single maps either, so it is not excepted there. */
static void visit_own(struct walk *walk, const uint32_t *map_ids, uint32_t n)
{
	for (uint32_t m = 0; m < n; m++)
		for (uint32_t i = 0; i < walk->n_outers; i++)
			if (walk->outers[i].id == map_ids[m])
				join_unknown(walk, walk->outers[i].inner);
}

static int visit_prog(struct walk *walk, uint32_t id)
{
	_cleanup_close_ int fd = -1;
	uint32_t map_ids[IDS_MAX], n = 0;
	int err;

	if (id != walk->unit->prog_id && walk->is_ours(walk->arg, id))
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = hone_prog_map_ids(fd, map_ids, IDS_MAX, &n);
	if (err)
		return err;
	if (id == walk->unit->prog_id) {
		visit_own(walk, map_ids, n);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		visit_held(walk, id, map_ids[i]);
	return 0;
}

/* ---- all ids of a kind ---- */

static int for_each_id(struct walk *walk, int (*next)(uint32_t id, uint32_t *next),
		       int (*visit)(struct walk *walk, uint32_t id))
{
	uint32_t id = 0;

	for (;;) {
		int err;

		if (next(id, &id))
			return errno == ENOENT ? 0 : -errno;
		err = visit(walk, id);
		if (err)
			return err;
	}
}

static int walk_all(struct walk *walk)
{
	int err = for_each_id(walk, bpf_map_get_next_id, visit_map);

	if (err)
		return hone_log_err(err, "%s: cannot walk the maps", walk->unit->name);
	err = for_each_id(walk, bpf_link_get_next_id, visit_link);
	if (err)
		return hone_log_err(err, "%s: cannot walk the links", walk->unit->name);
	err = for_each_id(walk, bpf_prog_get_next_id, visit_prog);
	if (err)
		return hone_log_err(err, "%s: cannot walk the programs", walk->unit->name);
	return 0;
}

int hone_sharing_walk(struct hone_unit *unit, bool (*is_ours)(void *arg, uint32_t prog_id),
		      hone_sharing_ask ask, void *arg)
{
	_cleanup_(release_walk) struct walk walk = {
		.unit = unit, .is_ours = is_ours, .ask = ask, .arg = arg};
	int err;

	for (uint32_t i = 0; i < unit->n_maps; i++)
		memset(&unit->maps[i].others, 0, sizeof(unit->maps[i].others));
	err = walk_all(&walk);
	if (err)
		join_unknown(&walk, UINT64_MAX);
	return err;
}
