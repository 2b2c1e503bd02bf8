// SPDX-License-Identifier: Apache-2.0
/* object_unit: see the header. */
#include "tests/tools/object_unit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

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
	for (uint32_t i = 0; i < n_fds && !err; i++) {
		unit->maps[i].index = i;
		err = hone_map_describe(fds[i], &unit->maps[i]);
		out->maps.fd[i] = dup(fds[i]);
		out->maps.n = unit->n_maps = i + 1;
	}
	return err;
}

/* The kernel's func_info has translated offsets: right for a single function only. */
static int read_func_info(struct object_unit *out)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	struct bpf_func_info record = {0};

	if (bpf_obj_get_info_by_fd(out->prog_fd, &info, &size))
		return -errno;
	memcpy(out->unit.tag, info.tag, sizeof(info.tag));
	memcpy(out->unit.name, info.name, sizeof(info.name));
	out->unit.prog_id = info.id;
	out->unit.prog_type = info.type;
	if (!info.btf_id || info.nr_func_info != 1)
		return 0;
	out->unit.btf_id = info.btf_id;
	info = (struct bpf_prog_info){.nr_func_info = 1,
				      .func_info_rec_size = sizeof(record),
				      .func_info = (uintptr_t)&record};
	if (bpf_obj_get_info_by_fd(out->prog_fd, &info, &size))
		return -errno;
	out->unit.func_info = malloc(sizeof(record));
	if (!out->unit.func_info)
		return -ENOMEM;
	memcpy(out->unit.func_info, &record, sizeof(record));
	out->unit.n_func_info = 1;
	out->unit.func_info_rec_size = sizeof(record);
	return 0;
}

static int describe_program(struct bpf_program *program, const int *fds, uint32_t n_fds,
			    struct object_unit *out)
{
	int err;

	out->prog_fd = bpf_program__fd(program);
	out->unit.expected_attach_type = (uint32_t)bpf_program__expected_attach_type(program);
	out->unit.prog_flags = bpf_program__flags(program);
	strcpy(out->unit.license, "GPL");
	err = read_func_info(out);
	if (err)
		return err;
	return object_unit_describe(bpf_program__insns(program), bpf_program__insn_cnt(program),
				    fds, n_fds, out);
}

static int describe_object(struct bpf_program *program, struct object_unit *out)
{
	int fds[HONE_MAPS_MAX];
	uint32_t n_fds = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, out->object)
	{
		if (n_fds < HONE_MAPS_MAX && bpf_map__fd(map) >= 0)
			fds[n_fds++] = bpf_map__fd(map);
	}
	return describe_program(program, fds, n_fds, out);
}

int object_unit_of(struct bpf_program *program, struct object_unit *out)
{
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t n_insns = bpf_program__insn_cnt(program);
	int fds[HONE_MAPS_MAX];
	uint32_t n_fds = 0;
	int err;

	for (size_t i = 0; i < n_insns; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg && n_fds < HONE_MAPS_MAX &&
		    index_of_fd(fds, n_fds, insns[i].imm) < 0)
			fds[n_fds++] = insns[i].imm;
		i++;
	}
	*out = (struct object_unit){.prog_fd = -1};
	err = describe_program(program, fds, n_fds, out);
	if (err)
		object_unit_close(out);
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
		err = describe_object(program, out);
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
