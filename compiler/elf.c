// SPDX-License-Identifier: Apache-2.0
/* elf: a BPF object apart and together again. Knows no BPF but the machine's number. */
#include "compiler/elf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SECTIONS_MAX = 4096, SYMBOLS_MAX = 1 << 20, ALIGN = 8 };

int hone_refuse(struct hone_refusal *why, enum hone_reason reason, const char *format, ...)
{
	va_list args;

	why->reason = reason;
	va_start(args, format);
	vsnprintf(why->detail, sizeof(why->detail), format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- apart ---- */

struct reading {
	struct hone_arena *arena;
	const uint8_t *bytes;
	size_t size;
	struct hone_refusal *why;
};

static bool is_inside(const struct reading *r, uint64_t offset, uint64_t size)
{
	return offset <= r->size && size <= r->size - offset;
}

static int read_header(struct reading *r, Elf64_Ehdr *out)
{
	if (r->size < sizeof(*out) || memcmp(r->bytes, ELFMAG, SELFMAG) != 0)
		return hone_refuse(r->why, HONE_NO_OBJECT, "not an ELF file");
	memcpy(out, r->bytes, sizeof(*out));
	if (out->e_ident[EI_DATA] == ELFDATA2MSB)
		return hone_refuse(r->why, HONE_NO_OBJECT, "a big-endian object");
	if (out->e_ident[EI_CLASS] != ELFCLASS64 || out->e_ident[EI_DATA] != ELFDATA2LSB)
		return hone_refuse(r->why, HONE_NO_OBJECT, "not a 64-bit ELF file");
	if (out->e_machine != EM_BPF && out->e_machine != EM_NONE)
		return hone_refuse(r->why, HONE_NO_OBJECT, "an object for machine %u, not for BPF",
				   out->e_machine);
	if (out->e_type != ET_REL)
		return hone_refuse(r->why, HONE_NO_OBJECT, "not a relocatable object");
	if (out->e_shnum == 0 || out->e_shnum > SECTIONS_MAX ||
	    out->e_shentsize != sizeof(Elf64_Shdr) || out->e_shstrndx >= out->e_shnum ||
	    !is_inside(r, out->e_shoff, (uint64_t)out->e_shnum * sizeof(Elf64_Shdr)))
		return hone_refuse(r->why, HONE_NO_OBJECT,
				   "the section table is not inside the file");
	return 0;
}

/* A text in the table of strings `header`; NULL: none there. */
static const char *read_string(const struct reading *r, const Elf64_Shdr *header, uint32_t offset)
{
	const char *string;

	if (header->sh_type != SHT_STRTAB || offset >= header->sh_size)
		return NULL;
	string = (const char *)r->bytes + header->sh_offset + offset;
	return memchr(string, 0, header->sh_size - offset) ? string : NULL;
}

static const uint8_t *copy_aligned(struct hone_arena *arena, const uint8_t *bytes, uint64_t size)
{
	uint8_t *copy = hone_arena_alloc(arena, size, 1);

	return memcpy(copy, bytes, size);
}

static int read_section(struct reading *r, const Elf64_Shdr *header, const Elf64_Shdr *names,
			uint32_t index, struct hone_section *out)
{
	bool has_bytes = header->sh_type != SHT_NOBITS && header->sh_type != SHT_NULL;

	out->name = index == 0 ? "" : read_string(r, names, header->sh_name);
	if (!out->name)
		return hone_refuse(r->why, HONE_NO_OBJECT, "section %u has no name", index);
	if (has_bytes && !is_inside(r, header->sh_offset, header->sh_size))
		return hone_refuse(r->why, HONE_NO_OBJECT,
				   "section %u (%.40s) is not inside the file", index, out->name);
	if (header->sh_type == SHT_NOBITS && header->sh_size > UINT32_MAX)
		return hone_refuse(r->why, HONE_NO_OBJECT, "section %u (%.40s) is too large", index,
				   out->name);
	out->type = header->sh_type;
	out->flags = header->sh_flags;
	out->size = header->sh_type == SHT_NULL ? 0 : header->sh_size;
	out->link = header->sh_link;
	out->info = header->sh_info;
	out->entry_size = header->sh_entsize;
	out->align = header->sh_addralign;
	if (has_bytes && out->size > 0)
		out->bytes = copy_aligned(r->arena, r->bytes + header->sh_offset, out->size);
	return 0;
}

static int read_symbols(struct reading *r, const Elf64_Shdr *headers, uint32_t table,
			struct hone_elf *out)
{
	const struct hone_section *section = &out->sections[table];
	uint64_t n = section->size / sizeof(Elf64_Sym);

	if (section->size % sizeof(Elf64_Sym) || n == 0 || n > SYMBOLS_MAX ||
	    section->link >= out->n_sections)
		return hone_refuse(r->why, HONE_NO_OBJECT, "the symbol table is damaged");
	out->symbols = hone_arena_alloc(r->arena, n, sizeof(*out->symbols));
	out->n_symbols = (uint32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, section->bytes + i * sizeof(symbol), sizeof(symbol));
		out->symbols[i] = (struct hone_symbol){
			.name = read_string(r, &headers[section->link], symbol.st_name),
			.value = symbol.st_value,
			.size = symbol.st_size,
			.section = symbol.st_shndx,
			.info = symbol.st_info,
			.other = symbol.st_other,
		};
		if (!out->symbols[i].name ||
		    (symbol.st_shndx >= out->n_sections && symbol.st_shndx < SHN_LORESERVE))
			return hone_refuse(r->why, HONE_NO_OBJECT, "symbol %u is damaged", i);
	}
	return 0;
}

static int check_relocs(struct reading *r, const struct hone_elf *elf, uint32_t index)
{
	const struct hone_section *section = &elf->sections[index];

	if (section->size % sizeof(Elf64_Rel) || section->info >= elf->n_sections)
		return hone_refuse(r->why, HONE_NO_OBJECT, "relocations %.40s are damaged",
				   section->name);
	for (uint64_t at = 0; at < section->size; at += sizeof(Elf64_Rel)) {
		Elf64_Rel rel;

		memcpy(&rel, section->bytes + at, sizeof(rel));
		if (ELF64_R_SYM(rel.r_info) >= elf->n_symbols ||
		    rel.r_offset >= elf->sections[section->info].size)
			return hone_refuse(r->why, HONE_NO_OBJECT,
					   "relocation %llu of %.40s leads nowhere",
					   (unsigned long long)(at / sizeof(rel)), section->name);
	}
	return 0;
}

int hone_elf_read(struct hone_arena *arena, const void *bytes, size_t size, struct hone_elf *out,
		  struct hone_refusal *why)
{
	struct reading r = {arena, bytes, size, why};
	Elf64_Shdr *headers;
	Elf64_Ehdr header;
	int err = read_header(&r, &header);

	if (err)
		return err;
	headers = hone_arena_alloc(arena, header.e_shnum, sizeof(*headers));
	memcpy(headers, r.bytes + header.e_shoff, header.e_shnum * sizeof(*headers));
	for (uint32_t i = 0; i < header.e_shnum; i++)
		if (headers[i].sh_type == SHT_STRTAB &&
		    !is_inside(&r, headers[i].sh_offset, headers[i].sh_size))
			return hone_refuse(why, HONE_NO_OBJECT,
					   "string table %u is not inside the file", i);
	*out = (struct hone_elf){.flags = header.e_flags};
	out->n_sections = header.e_shnum;
	out->sections = hone_arena_alloc(arena, header.e_shnum, sizeof(*out->sections));
	out->symbols = hone_arena_alloc(arena, 1, sizeof(*out->symbols));
	for (uint32_t i = 0; !err && i < out->n_sections; i++)
		err = read_section(&r, &headers[i], &headers[header.e_shstrndx], i,
				   &out->sections[i]);
	for (uint32_t i = 0; !err && i < out->n_sections; i++)
		if (out->sections[i].type == SHT_SYMTAB && out->n_symbols == 0)
			err = read_symbols(&r, headers, i, out);
	for (uint32_t i = 0; !err && i < out->n_sections; i++)
		if (out->sections[i].type == SHT_REL)
			err = check_relocs(&r, out, i);
	return err;
}

uint32_t hone_elf_find(const struct hone_elf *elf, const char *name)
{
	for (uint32_t i = 1; i < elf->n_sections; i++)
		if (strcmp(elf->sections[i].name, name) == 0)
			return i;
	return 0;
}

/* ---- together ---- */

struct writing {
	uint8_t *bytes; /* NULL: only counting */
	size_t size;
	size_t strings_at, strings_size;
};

static size_t put(struct writing *w, const void *bytes, size_t size, size_t align)
{
	size_t at = (w->size + align - 1) / align * align;

	if (w->bytes && bytes)
		memcpy(w->bytes + at, bytes, size);
	w->size = at + size;
	return at;
}

static uint32_t put_string(struct writing *w, const char *string)
{
	size_t at = w->strings_size, size = strlen(string) + 1;

	if (w->bytes)
		memcpy(w->bytes + w->strings_at + at, string, size);
	w->strings_size += size;
	return (uint32_t)at;
}

static uint32_t count_local(const struct hone_elf *elf)
{
	uint32_t n = 0;

	while (n < elf->n_symbols && ELF64_ST_BIND(elf->symbols[n].info) == STB_LOCAL)
		n++;
	return n;
}

static Elf64_Shdr put_section(struct writing *w, const struct hone_section *section,
			      uint32_t symbols_at)
{
	uint64_t align = section->align ? section->align : 1;
	bool is_empty = section->type == SHT_NOBITS || section->type == SHT_NULL;

	return (Elf64_Shdr){
		.sh_name = put_string(w, section->name),
		.sh_type = section->type,
		.sh_flags = section->flags,
		.sh_offset = put(w, section->bytes, is_empty ? 0 : section->size, ALIGN),
		.sh_size = section->size,
		.sh_link = section->type == SHT_REL ? symbols_at : section->link,
		.sh_info = section->info,
		.sh_addralign = align,
		.sh_entsize = section->entry_size,
	};
}

static Elf64_Shdr put_symbols(struct writing *w, const struct hone_elf *elf)
{
	size_t at = put(w, NULL, elf->n_symbols * sizeof(Elf64_Sym), ALIGN);

	for (uint32_t i = 0; i < elf->n_symbols; i++) {
		const struct hone_symbol *from = &elf->symbols[i];
		Elf64_Sym symbol = {
			.st_name = from->name[0] ? put_string(w, from->name) : 0,
			.st_info = from->info,
			.st_other = from->other,
			.st_shndx = (Elf64_Half)from->section,
			.st_value = from->value,
			.st_size = from->size,
		};

		if (w->bytes)
			memcpy(w->bytes + at + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	return (Elf64_Shdr){
		.sh_name = put_string(w, ".symtab"),
		.sh_type = SHT_SYMTAB,
		.sh_offset = at,
		.sh_size = elf->n_symbols * sizeof(Elf64_Sym),
		.sh_link = elf->n_sections + 1,
		.sh_info = count_local(elf),
		.sh_addralign = ALIGN,
		.sh_entsize = sizeof(Elf64_Sym),
	};
}

/* Once to count, once to write: the strings' place is known the second time. */
static void put_all(struct writing *w, const struct hone_elf *elf, Elf64_Shdr *headers)
{
	uint32_t n = elf->n_sections;
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_REL,
		.e_machine = EM_BPF,
		.e_version = EV_CURRENT,
		.e_flags = elf->flags,
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (Elf64_Half)(n + 2),
		.e_shstrndx = (Elf64_Half)(n + 1),
	};

	put_string(w, "");
	put(w, NULL, sizeof(header), 1);
	memset(headers, 0, (n + 2) * sizeof(*headers));
	for (uint32_t i = 1; i < n; i++)
		headers[i] = put_section(w, &elf->sections[i], n);
	headers[n] = put_symbols(w, elf);
	headers[n + 1] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_addralign = 1};
	headers[n + 1].sh_name = put_string(w, ".strtab");
	headers[n + 1].sh_offset = w->strings_at = put(w, NULL, w->strings_size, 1);
	headers[n + 1].sh_size = w->strings_size;
	header.e_shoff = put(w, headers, (n + 2) * sizeof(*headers), ALIGN);
	if (w->bytes)
		memcpy(w->bytes, &header, sizeof(header));
}

const uint8_t *hone_elf_write(struct hone_arena *arena, const struct hone_elf *elf, size_t *size)
{
	Elf64_Shdr *headers = hone_arena_alloc(arena, elf->n_sections + 2, sizeof(*headers));
	struct writing counted = {0}, w = {0};

	put_all(&counted, elf, headers);
	w.bytes = hone_arena_alloc(arena, counted.size, 1);
	w.strings_at = counted.strings_at;
	put_all(&w, elf, headers);
	*size = w.size;
	return w.bytes;
}
