// SPDX-License-Identifier: Apache-2.0
/* relocate: an emitted object to an image's instructions, with map references by name.
 *
 * When: last stage. The object is our own back end's, but it is read as if it were not: every
 * offset is checked. Not: constants; the passes moved what did not fold into the image's map, so
 * any section with data in it is an error. */
#include "compiler/compiler.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#endif
#ifndef R_BPF_64_32
#define R_BPF_64_32 10
#endif

/* Symbols that relocations may name; a %u is the map's index. */
static const struct {
	const char *name;
	enum hone_reloc_kind kind;
	bool is_per_map;
} symbols[] = {
	{"map_", HONE_RELOC_MAP, true},		 {"mapval_", HONE_RELOC_MAP_VALUE, true},
	{"hone_table", HONE_RELOC_TABLE, false}, {"hone_guard", HONE_RELOC_GUARD, false},
	{"hone_slots", HONE_RELOC_SLOTS, false}, {"hone_counts", HONE_RELOC_COUNTS, false},
};

struct object {
	Elf *elf;
	Elf_Data *text, *relocs, *symbols; /* relocs may be NULL: none needed */
	Elf_Data *lines;		   /* .BTF.ext; may be NULL */
	size_t text_index, strings_index;
	struct hone_refusal *why;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct object *object, const char *format,
							...)
{
	va_list args;

	object->why->reason = HONE_NO_RELOCATE;
	va_start(args, format);
	vsnprintf(object->why->detail, sizeof(object->why->detail), format, args);
	va_end(args);
	return -EINVAL;
}

/* Is this loaded with the program, though it is not the program? */
static bool is_other_content(const GElf_Shdr *header)
{
	bool has_bytes = header->sh_type == SHT_PROGBITS || header->sh_type == SHT_NOBITS;

	return has_bytes && (header->sh_flags & SHF_ALLOC) && header->sh_size > 0;
}

static int read_section(struct object *object, Elf_Scn *section)
{
	GElf_Shdr header;
	const char *name;
	size_t names;

	if (elf_getshdrstrndx(object->elf, &names) || !gelf_getshdr(section, &header))
		return refuse(object, "unreadable section");
	name = elf_strptr(object->elf, names, header.sh_name);
	if (!name)
		return refuse(object, "unnamed section");

	if (header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_EXECINSTR) &&
	    header.sh_size > 0) {
		if (object->text)
			return refuse(object, "a second section of code: %s", name);
		object->text = elf_getdata(section, NULL);
		object->text_index = elf_ndxscn(section);
	} else if (is_other_content(&header)) {
		return refuse(object, "unexpected data: %s", name);
	} else if (!strcmp(name, ".BTF.ext")) {
		object->lines = elf_getdata(section, NULL);
	} else if (header.sh_type == SHT_SYMTAB) {
		object->symbols = elf_getdata(section, NULL);
		object->strings_index = header.sh_link;
	}
	return 0;
}

static int read_sections(struct object *object)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(object->elf, section))) {
		int err = read_section(object, section);

		if (err)
			return err;
	}
	if (!object->text || !object->text->d_buf || object->text->d_size == 0 ||
	    object->text->d_size % sizeof(struct bpf_insn))
		return refuse(object, "no code");

	while ((section = elf_nextscn(object->elf, section))) {
		if (!gelf_getshdr(section, &header))
			return refuse(object, "unreadable section");
		if (header.sh_type == SHT_REL && header.sh_info == object->text_index)
			object->relocs = elf_getdata(section, NULL);
	}
	return 0;
}

static bool parse_symbol(const char *name, struct hone_reloc *out)
{
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		size_t length = strlen(symbols[i].name);
		unsigned long map = 0;
		char *end = NULL;

		if (strncmp(name, symbols[i].name, length))
			continue;
		if (symbols[i].is_per_map && name[length] >= '0' && name[length] <= '9')
			map = strtoul(name + length, &end, 10);
		if (symbols[i].is_per_map ? !end || *end || map >= HONE_MAPS_MAX : name[length])
			continue;
		out->kind = symbols[i].kind;
		out->map = (uint32_t)map;
		return true;
	}
	return false;
}

/* A function of the image's own, called or named: a distance, which no loader need know. `addend`
 * counts from the symbol: instructions of a call, one less than the distance; else bytes. */
static int resolve_function(struct object *object, int index, struct hone_image *image, uint32_t at,
			    const GElf_Sym *symbol)
{
	struct bpf_insn *insn = &image->insns[at];
	bool is_call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
	bool is_address = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == 0;
	int64_t target = is_call ? (int64_t)(symbol->st_value / sizeof(*insn)) + insn->imm + 1
				 : ((int64_t)symbol->st_value + insn->imm) / (int)sizeof(*insn);

	if ((!is_call && !is_address) || symbol->st_value % sizeof(*insn) ||
	    (is_address && insn->imm % (int)sizeof(*insn)) || target < 0 ||
	    target >= image->n_insns)
		return refuse(object, "relocation %d: no function", index);
	insn->imm = (int32_t)(target - at - 1);
	if (is_address) {
		insn->src_reg = BPF_PSEUDO_FUNC;
		insn[1].imm = 0;
	}
	return 0;
}

/* A function of the kernel's, named by its BTF id. */
static int resolve_kfunc(struct object *object, int index, struct hone_image *image, uint32_t at,
			 const GElf_Sym *symbol)
{
	const char *name = elf_strptr(object->elf, object->strings_index, symbol->st_name);
	struct bpf_insn *insn = &image->insns[at];
	unsigned int id;
	char end;

	if (insn->code != (BPF_JMP | BPF_CALL) || symbol->st_shndx != SHN_UNDEF || !name ||
	    sscanf(name, "kfunc_%u%c", &id, &end) != 1)
		return refuse(object, "relocation %d: function %s", index, name ? name : "?");
	insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
	insn->imm = (int32_t)id;
	return 0;
}

/* What is not a function of the image's own: which instruction, what it refers to. The addend, if
 * any, is in the instruction and becomes the offset. */
static int read_reference(struct object *object, int index, struct hone_image *image, uint32_t at,
			  const GElf_Sym *symbol, struct hone_reloc *out)
{
	const char *name = elf_strptr(object->elf, object->strings_index, symbol->st_name);
	struct bpf_insn *insn = &image->insns[at];

	memset(out, 0, sizeof(*out));
	out->insn = at;
	if (at + 1 >= image->n_insns || insn->code != (BPF_LD | BPF_IMM | BPF_DW) ||
	    symbol->st_shndx != SHN_UNDEF || !name || !parse_symbol(name, out))
		return refuse(object, "relocation %d: symbol %s", index, name ? name : "?");

	out->offset = (uint32_t)insn->imm;
	insn[0].imm = insn[1].imm = 0;
	if (out->offset && out->kind != HONE_RELOC_MAP_VALUE && out->kind != HONE_RELOC_TABLE &&
	    out->kind != HONE_RELOC_GUARD)
		return refuse(object, "relocation %d: an offset into %s", index, name);
	return 0;
}

/* One relocation; those that are left for the loader are added to the image's. */
static int read_reloc(struct object *object, int index, struct hone_image *image)
{
	GElf_Rel rel;
	GElf_Sym symbol;
	unsigned int type;
	uint64_t at;
	int err;

	if (!gelf_getrel(object->relocs, index, &rel) || !object->symbols ||
	    !gelf_getsym(object->symbols, (int)GELF_R_SYM(rel.r_info), &symbol))
		return refuse(object, "relocation %d: unreadable", index);
	type = (unsigned int)GELF_R_TYPE(rel.r_info);
	at = rel.r_offset / sizeof(struct bpf_insn);
	if ((type != R_BPF_64_64 && type != R_BPF_64_32) ||
	    rel.r_offset % sizeof(struct bpf_insn) || at >= image->n_insns)
		return refuse(object, "relocation %d: type %u at %#llx", index, type,
			      (unsigned long long)rel.r_offset);
	if (symbol.st_shndx == object->text_index)
		return resolve_function(object, index, image, (uint32_t)at, &symbol);
	if (type == R_BPF_64_32)
		return resolve_kfunc(object, index, image, (uint32_t)at, &symbol);
	err = read_reference(object, index, image, (uint32_t)at, &symbol,
			     &image->relocs[image->n_relocs]);
	image->n_relocs += !err;
	return err;
}

static int by_insn(const void *a, const void *b)
{
	const struct hone_reloc *x = a, *y = b;

	return (x->insn > y->insn) - (x->insn < y->insn);
}

static int read_relocs(struct object *object, struct hone_image *image)
{
	size_t n = object->relocs ? object->relocs->d_size / sizeof(Elf64_Rel) : 0;

	image->relocs = calloc(n ? n : 1, sizeof(*image->relocs));
	if (!image->relocs)
		return refuse(object, "out of memory");
	for (size_t i = 0; i < n; i++) {
		int err = read_reloc(object, (int)i, image);

		if (err)
			return err;
	}
	qsort(image->relocs, image->n_relocs, sizeof(*image->relocs), by_insn);
	return 0;
}

/* ---- functions ---- */

static int by_first(const void *a, const void *b)
{
	const struct hone_image_function *x = a, *y = b;

	return (x->insn > y->insn) - (x->insn < y->insn);
}

/* What lift_function.c called it; LLVM adds to the names of the copies it makes. */
static uint32_t origin_of(const char *name)
{
	unsigned int first;

	return sscanf(name, HONE_FUNCTION_OTHER, &first) == 1 ? first : 0;
}

static int read_functions(struct object *object, struct hone_image *image)
{
	size_t n = object->symbols ? object->symbols->d_size / sizeof(Elf64_Sym) : 0;

	image->functions = calloc(n ? n : 1, sizeof(*image->functions));
	if (!image->functions)
		return refuse(object, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct hone_image_function *to = &image->functions[image->n_functions];
		const char *name;
		GElf_Sym symbol;

		if (!gelf_getsym(object->symbols, (int)i, &symbol) ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		name = elf_strptr(object->elf, object->strings_index, symbol.st_name);
		to->insn = (uint32_t)(symbol.st_value / sizeof(struct bpf_insn));
		if (!name || symbol.st_shndx != object->text_index ||
		    symbol.st_value / sizeof(struct bpf_insn) >= image->n_insns)
			return refuse(object, "function %s", name ? name : "?");
		to->origin = origin_of(name);
		image->n_functions++;
	}
	qsort(image->functions, image->n_functions, sizeof(*image->functions), by_first);
	return 0;
}

static int read_object(struct object *object, struct hone_image *image)
{
	int err;

	if (!object->elf || elf_kind(object->elf) != ELF_K_ELF)
		return refuse(object, "not an ELF object");
	err = read_sections(object);
	if (err)
		return err;

	image->n_insns = (uint32_t)(object->text->d_size / sizeof(struct bpf_insn));
	image->insns = malloc(object->text->d_size);
	if (!image->insns)
		return refuse(object, "out of memory");
	memcpy(image->insns, object->text->d_buf, object->text->d_size);
	err = read_relocs(object, image);
	return err ? err : read_functions(object, image);
}

int hone_relocate(const void *bytes, size_t size, struct hone_image *out, struct hone_refusal *why)
{
	struct object object = {.why = why};
	struct hone_image image = {0};
	int err;

	elf_version(EV_CURRENT);
	object.elf = elf_memory((char *)(uintptr_t)bytes, size);
	err = read_object(&object, &image);
	if (!err && object.lines && object.lines->d_buf)
		hone_lines_read(object.lines->d_buf, object.lines->d_size, &image);
	elf_end(object.elf);
	if (err) {
		free(image.insns);
		free(image.relocs);
		free(image.functions);
		return err;
	}
	out->n_insns = image.n_insns;
	out->insns = image.insns;
	out->n_relocs = image.n_relocs;
	out->relocs = image.relocs;
	out->n_lines = image.n_lines;
	out->lines = image.lines;
	out->n_functions = image.n_functions;
	out->functions = image.functions;
	return 0;
}
