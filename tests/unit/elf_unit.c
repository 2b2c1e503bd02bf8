// SPDX-License-Identifier: Apache-2.0
/* elf_unit: see the header. libbpf reads programs and maps, libelf the relocations. */
#include "tests/unit/elf_unit.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int read_maps(struct bpf_object *object, struct hone_unit *out)
{
	struct bpf_map *map;

	out->maps = calloc(HONE_MAPS_MAX, sizeof(*out->maps));
	if (!out->maps)
		return -ENOMEM;
	bpf_object__for_each_map(map, object)
	{
		struct hone_map *to = &out->maps[out->n_maps];

		to->index = out->n_maps++;
		strncpy(to->name, bpf_map__name(map), sizeof(to->name) - 1);
		to->type = bpf_map__type(map);
		to->key_size = bpf_map__key_size(map);
		to->value_size = bpf_map__value_size(map);
		to->max_entries = bpf_map__max_entries(map);
		to->flags = bpf_map__map_flags(map);
	}
	return 0;
}

static int relocate(struct hone_unit *unit, const char *symbol, uint64_t offset)
{
	uint64_t at = offset / sizeof(struct bpf_insn);

	for (uint32_t i = 0; i < unit->n_maps; i++) {
		if (strncmp(unit->maps[i].name, symbol, HONE_NAME_LEN - 1) != 0)
			continue;
		if (at >= unit->n_insns)
			return -ENOTSUP;
		unit->insns[at].src_reg = BPF_PSEUDO_MAP_FD;
		unit->insns[at].imm = (int32_t)i;
		return 0;
	}
	return -ENOTSUP;
}

static int relocate_section(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			    struct hone_unit *unit)
{
	Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
	Elf_Data *data = elf_getdata(section, NULL), *symbol_data = elf_getdata(symbols, NULL);
	GElf_Shdr symbols_header;
	GElf_Rel rel;
	GElf_Sym symbol;
	int err = 0;

	if (!gelf_getshdr(symbols, &symbols_header))
		return -ENOTSUP;
	for (int i = 0; !err && gelf_getrel(data, i, &rel); i++) {
		if (!gelf_getsym(symbol_data, (int)GELF_R_SYM(rel.r_info), &symbol))
			return -ENOTSUP;
		err = relocate(unit, elf_strptr(elf, symbols_header.sh_link, symbol.st_name),
			       rel.r_offset);
	}
	return err;
}

static int relocate_program(Elf *elf, const char *section_name, struct hone_unit *unit)
{
	size_t names;
	Elf_Scn *section = NULL;
	int err = 0;

	if (elf_getshdrstrndx(elf, &names))
		return -ENOTSUP;
	while (!err && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header, target;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_REL ||
		    !gelf_getshdr(elf_getscn(elf, header.sh_info), &target))
			continue;
		if (strcmp(elf_strptr(elf, names, target.sh_name), section_name) == 0)
			err = relocate_section(elf, section, &header, unit);
	}
	return err;
}

static int read_program(const char *path, struct bpf_object *object, struct hone_unit *out)
{
	struct bpf_program *program = bpf_object__next_program(object, NULL);
	size_t bytes = bpf_program__insn_cnt(program) * sizeof(struct bpf_insn);
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	Elf *elf;

	out->prog_type = bpf_program__type(program);
	out->n_insns = (uint32_t)bpf_program__insn_cnt(program);
	out->insns = malloc(bytes);
	if (!out->insns || fd < 0)
		return -errno;
	memcpy(out->insns, bpf_program__insns(program), bytes);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	err = elf ? relocate_program(elf, bpf_program__section_name(program), out) : -ENOTSUP;
	elf_end(elf);
	close(fd);
	return err;
}

int elf_unit_read(const char *path, struct hone_unit *out)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct hone_unit unit = {0};
	int err;

	if (!object)
		return -errno;
	err = read_maps(object, &unit);
	if (!err)
		err = read_program(path, object, &unit);
	bpf_object__close(object);
	if (err)
		hone_unit_free(&unit);
	else
		*out = unit;
	return err;
}

uint32_t elf_unit_map(const struct hone_unit *unit, const char *name)
{
	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (strncmp(unit->maps[i].name, name, HONE_NAME_LEN - 1) == 0)
			return i;
	fail_msg("no map %s", name);
	return UINT32_MAX;
}
