// SPDX-License-Identifier: Apache-2.0
/* maps: a unit's maps as open file descriptors, and what the kernel says about one.
 * Reads no contents: snapshot.c and clone.c do. */
#include "runtime/live/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

void hone_maps_close(struct hone_maps *maps)
{
	for (uint32_t i = 0; i < maps->n; i++)
		if (maps->fd[i] >= 0)
			close(maps->fd[i]);
	*maps = (struct hone_maps)HONE_MAPS_EMPTY;
}

int hone_maps_open(const struct hone_unit *unit, struct hone_maps *out)
{
	struct hone_maps maps = HONE_MAPS_EMPTY;

	if (unit->n_maps > HONE_MAPS_MAX)
		return hone_log_err(-E2BIG, "%s: holds %u maps", unit->name, unit->n_maps);
	for (; maps.n < unit->n_maps; maps.n++) {
		const struct hone_map *map = &unit->maps[maps.n];
		int fd = bpf_map_get_fd_by_id(map->id);
		int err = -errno;

		if (fd < 0) {
			hone_maps_close(&maps);
			return hone_log_err(err, "map %s: cannot open id %u", map->name, map->id);
		}
		maps.fd[maps.n] = fd;
	}
	*out = maps;
	return 0;
}

void hone_maps_close_arrays(const struct hone_unit *unit, struct hone_maps *maps)
{
	for (uint32_t i = 0; i < maps->n; i++) {
		if (unit->maps[i].type != BPF_MAP_TYPE_PROG_ARRAY || maps->fd[i] < 0)
			continue;
		close(maps->fd[i]);
		maps->fd[i] = -1;
	}
}

int hone_maps_open_arrays(const struct hone_unit *unit, struct hone_maps *maps)
{
	for (uint32_t i = 0; i < maps->n; i++) {
		if (unit->maps[i].type != BPF_MAP_TYPE_PROG_ARRAY || maps->fd[i] >= 0)
			continue;
		maps->fd[i] = bpf_map_get_fd_by_id(unit->maps[i].id);
		if (maps->fd[i] < 0)
			return hone_log_err(-errno, "map %s: cannot open id %u", unit->maps[i].name,
					    unit->maps[i].id);
	}
	return 0;
}

/* bpf_map_info does not tell; fdinfo does (kernel/bpf/syscall.c bpf_map_show_fdinfo()). */
static int find_frozen(int fd, bool *is_frozen)
{
	char path[64], line[128];
	unsigned int frozen = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "frozen: %u", &frozen) == 1) {
			*is_frozen = frozen != 0;
			return 0;
		}
	return -ENODATA;
}

int hone_map_describe(int fd, struct hone_map *out)
{
	struct bpf_map_info info;
	bool is_frozen = false;
	int err = hone_map_info(fd, &info);

	if (err)
		return err;
	err = find_frozen(fd, &is_frozen);
	if (err)
		return err;
	_Static_assert(sizeof(out->name) == sizeof(info.name), "kernel names fit");
	memcpy(out->name, info.name, sizeof(out->name));
	out->type = info.type;
	out->key_size = info.key_size;
	out->value_size = info.value_size;
	out->max_entries = info.max_entries;
	out->flags = info.map_flags;
	out->id = info.id;
	out->is_frozen = is_frozen;
	return 0;
}
