// SPDX-License-Identifier: Apache-2.0
/* object_unit: see the header. */
#include "tests/tools/object_unit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/live/kfuncs.h"
#include "runtime/live/snapshot.h"

enum { FUNCTIONS_MAX = 256 };

static int index_of_fd(const int *fds, uint32_t n_fds, int fd)
{
	for (uint32_t i = 0; i < n_fds; i++)
		if (fds[i] == fd)
			return (int)i;
	return -1;
}

static int replace_fds(struct bpf_insn *insns, size_t n_insns, const int *fds, uint32_t n_fds)
{
	for (size_t i = 0; i + 1 < n_insns; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i].imm = index_of_fd(fds, n_fds, insns[i].imm);
			if (insns[i].imm < 0)
				return -ENOENT;
		}
		i++;
	}
	return 0;
}

int object_unit_describe(const struct bpf_insn *insns, size_t n_insns, const int *fds,
			 uint32_t n_fds, struct object_unit *out)
{
	struct hone_unit *unit = &out->unit;
	int err;

	unit->n_insns = (uint32_t)n_insns;
	unit->insns = malloc(n_insns * sizeof(*insns));
	unit->maps = calloc(n_fds + 1, sizeof(*unit->maps));
	if (!unit->insns || !unit->maps)
		return -ENOMEM;
	memcpy(unit->insns, insns, n_insns * sizeof(*insns));
	err = replace_fds(unit->insns, n_insns, fds, n_fds);
	if (!err)
		err = hone_kfuncs_describe(unit);
	for (uint32_t i = 0; i < n_fds && !err; i++) {
		unit->maps[i].index = i;
		err = hone_map_describe(fds[i], &unit->maps[i]);
		out->maps.fd[i] = dup(fds[i]);
		out->maps.n = unit->n_maps = i + 1;
	}
	return err;
}

/* Where functions start: what calls and addresses name. Returns how many. */
static uint32_t find_functions(const struct bpf_insn *insns, size_t n_insns, uint32_t *starts)
{
	_cleanup_free_ bool *is_start = calloc(n_insns + 1, sizeof(*is_start));
	uint32_t n = 0;

	if (!is_start)
		return 0;
	is_start[0] = true;
	for (size_t i = 0; i < n_insns; i++) {
		bool is_call = insns[i].code == (BPF_JMP | BPF_CALL) &&
			       insns[i].src_reg == BPF_PSEUDO_CALL;
		bool is_wide = insns[i].code == (BPF_LD | BPF_IMM | BPF_DW);

		if (is_call || (is_wide && insns[i].src_reg == BPF_PSEUDO_FUNC))
			is_start[(int64_t)i + 1 + insns[i].imm] = true;
		i += is_wide;
	}
	for (uint32_t i = 0; i < n_insns; i++)
		if (is_start[i] && n < FUNCTIONS_MAX)
			starts[n++] = i;
	return n;
}

/* The kernel's func_info has translated offsets: those of the program as it was given are put
 * in their place. */
static int read_func_info(struct object_unit *out, const struct bpf_insn *insns, size_t n_insns)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	struct bpf_func_info record[FUNCTIONS_MAX] = {0};
	uint32_t starts[FUNCTIONS_MAX], n = find_functions(insns, n_insns, starts);

	if (bpf_obj_get_info_by_fd(out->prog_fd, &info, &size))
		return -errno;
	memcpy(out->unit.tag, info.tag, sizeof(info.tag));
	memcpy(out->unit.name, info.name, sizeof(info.name));
	out->unit.prog_id = info.id;
	out->unit.prog_type = info.type;
	if (!info.btf_id || info.nr_func_info != n)
		return 0;
	out->unit.btf_id = info.btf_id;
	info = (struct bpf_prog_info){.nr_func_info = n,
				      .func_info_rec_size = sizeof(record[0]),
				      .func_info = (uintptr_t)record};
	if (bpf_obj_get_info_by_fd(out->prog_fd, &info, &size))
		return -errno;
	for (uint32_t i = 0; i < n; i++)
		record[i].insn_off = starts[i];
	out->unit.func_info = malloc(sizeof(record));
	if (!out->unit.func_info)
		return -ENOMEM;
	memcpy(out->unit.func_info, record, sizeof(record));
	out->unit.n_func_info = n;
	out->unit.func_info_rec_size = sizeof(record[0]);
	return 0;
}

/* bpf_program__flags() does not tell what libbpf adds when it loads. */
static uint32_t flags_of(const struct bpf_program *program)
{
	bool has_frags = strncmp(bpf_program__section_name(program), "xdp.frags", 9) == 0;

	return bpf_program__flags(program) | (has_frags ? BPF_F_XDP_HAS_FRAGS : 0);
}

struct map_fds {
	int fd[HONE_MAPS_MAX];
	uint32_t n;
};

/* The object's maps that the program holds, as fds of the object. */
static int find_maps(const struct bpf_object *object, int prog_fd, struct map_fds *out)
{
	__u32 ids[HONE_MAPS_MAX];
	struct bpf_prog_info info = {.nr_map_ids = HONE_MAPS_MAX, .map_ids = (uintptr_t)ids};
	__u32 size = sizeof(info);
	struct bpf_map *map;

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return -errno;
	out->n = 0;
	bpf_object__for_each_map(map, object)
	{
		struct hone_map described;

		if (bpf_map__fd(map) < 0 || hone_map_describe(bpf_map__fd(map), &described))
			continue;
		for (uint32_t i = 0; i < info.nr_map_ids && i < HONE_MAPS_MAX; i++)
			if (ids[i] == described.id)
				out->fd[out->n++] = bpf_map__fd(map);
	}
	return 0;
}

int object_unit_of(const struct bpf_object *object, const struct bpf_program *program,
		   struct object_unit *out)
{
	struct map_fds maps;
	int err;

	*out = (struct object_unit){.prog_fd = bpf_program__fd(program)};
	out->unit.expected_attach_type = (uint32_t)bpf_program__expected_attach_type(program);
	out->unit.prog_flags = flags_of(program);
	strcpy(out->unit.license, "GPL");
	err = read_func_info(out, bpf_program__insns(program), bpf_program__insn_cnt(program));
	err = err ? err : find_maps(object, out->prog_fd, &maps);
	if (err)
		return err;
	return object_unit_describe(bpf_program__insns(program), bpf_program__insn_cnt(program),
				    maps.fd, maps.n, out);
}

static int describe_owned(struct bpf_object *object, const struct bpf_program *program,
			  struct object_unit *out)
{
	int err = object_unit_of(object, program, out);

	out->object = object;
	return err;
}

int object_unit_open(const char *path, const char *prog_name, struct object_unit *out)
{
	struct bpf_program *program, *other;
	struct bpf_map *map;
	int err;

	*out = (struct object_unit){.prog_fd = -1};
	out->object = bpf_object__open_file(path, NULL);
	if (!out->object)
		return -errno;
	program = prog_name ? bpf_object__find_program_by_name(out->object, prog_name)
			    : bpf_object__next_program(out->object, NULL);
	bpf_object__for_each_map(map, out->object) bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(other, out->object)
		bpf_program__set_autoload(other, other == program);
	err = program ? bpf_object__load(out->object) : -ENOENT;
	if (!err)
		err = describe_owned(out->object, program, out);
	if (err)
		object_unit_close(out);
	return err;
}

void object_unit_close(struct object_unit *unit)
{
	hone_maps_close(&unit->maps);
	hone_unit_free(&unit->unit);
	bpf_object__close(unit->object);
	*unit = (struct object_unit){.prog_fd = -1};
}

int object_unit_snapshot(struct object_unit *subject, const struct hone_result *analysis,
			 uint32_t max_entries)
{
	for (uint32_t i = 0; i < subject->unit.n_maps; i++) {
		struct hone_map *map = &subject->unit.maps[i];
		struct hone_effects all = {0};
		int err;

		hone_effects_join(&all, &map->others);
		if (i < analysis->n_effects)
			hone_effects_join(&all, &analysis->effects[i]);
		map->class = hone_class_of(map, &all);
		map->is_watched = true;
		err = hone_snapshot_take(subject->maps.fd[i], max_entries, 0, map);
		if (err && err != -ENOTSUP)
			return err;
	}
	return 0;
}
