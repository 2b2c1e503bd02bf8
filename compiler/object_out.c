// SPDX-License-Identifier: Apache-2.0
/* object_out: the same object with other instructions in some programs.
 *
 * When: after the compiles. Keeps what a loader reads: code, data, maps, symbols of these, BTF, and
 * what BTF says of functions that are as they were. Drops debugging information, which would tell
 * of instructions that are no longer there. Not: anything about what the instructions mean. */
#include <errno.h>
#include <string.h>

#include "compiler/object.h"

#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#endif

enum { LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW, INSN_BYTES = 8, GONE = 0 };

struct rewriting {
	const struct hone_object *object;
	struct hone_arena *arena;
	const struct hone_replacement **replacement; /* of each function; NULL: as it was */
	struct hone_moved *moved;		     /* each function */
	uint32_t *section_to, *symbol_to;	     /* old index → new; GONE */
	uint32_t relocs_at; /* first of the sections of relocations where there were none */
	struct hone_elf out;
	struct hone_refusal *why;
};

static const struct hone_section *section_of(const struct rewriting *w, uint32_t index)
{
	return &w->object->elf.sections[index];
}

/* ---- what stays ---- */

static bool is_kept(const struct rewriting *w, uint32_t index)
{
	const struct hone_section *section = section_of(w, index);

	if (index == w->object->btf_section || index == w->object->btf_ext_section)
		return index != 0;
	if (section->type == SHT_REL)
		section = section_of(w, section->info);
	return hone_object_is_loaded(section);
}

static uint32_t count_image_relocs(const struct rewriting *w, uint32_t section)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->object->n_functions; i++)
		if (w->object->functions[i].section == section && w->replacement[i])
			n += w->replacement[i]->image->n_relocs;
	return n;
}

/* A program had none of its own when only the functions that it called named maps. */
static bool needs_relocs(const struct rewriting *w, uint32_t section)
{
	return count_image_relocs(w, section) > 0 && !hone_object_relocs(w->object, section);
}

static void number_sections(struct rewriting *w)
{
	const struct hone_elf *elf = &w->object->elf;

	w->out.n_sections = 1;
	w->section_to = hone_arena_alloc(w->arena, elf->n_sections, sizeof(*w->section_to));
	for (uint32_t i = 1; i < elf->n_sections; i++)
		if (is_kept(w, i))
			w->section_to[i] = w->out.n_sections++;
	w->relocs_at = w->out.n_sections;
	for (uint32_t i = 1; i < elf->n_sections; i++)
		w->out.n_sections += needs_relocs(w, i);
}

/* Labels within code have no address any more. */
static bool is_kept_symbol(const struct rewriting *w, const struct hone_symbol *symbol)
{
	if (ELF64_ST_TYPE(symbol->info) == STT_FILE)
		return false;
	if (symbol->section == SHN_UNDEF || symbol->section >= SHN_LORESERVE)
		return true;
	if (w->section_to[symbol->section] == GONE)
		return false;
	return !hone_object_is_code(section_of(w, symbol->section)) ||
	       ELF64_ST_TYPE(symbol->info) == STT_FUNC ||
	       ELF64_ST_TYPE(symbol->info) == STT_SECTION;
}

static void number_symbols(struct rewriting *w)
{
	const struct hone_elf *elf = &w->object->elf;

	w->out.symbols = hone_arena_alloc(w->arena, elf->n_symbols + 1, sizeof(*w->out.symbols));
	w->symbol_to = hone_arena_alloc(w->arena, elf->n_symbols + 1, sizeof(*w->symbol_to));
	w->out.symbols[0].name = "";
	w->out.n_symbols = 1;
	for (uint32_t i = 1; i < elf->n_symbols; i++) {
		struct hone_symbol symbol = elf->symbols[i];

		if (!is_kept_symbol(w, &symbol))
			continue;
		if (symbol.section < SHN_LORESERVE)
			symbol.section = w->section_to[symbol.section];
		w->symbol_to[i] = w->out.n_symbols;
		w->out.symbols[w->out.n_symbols++] = symbol;
	}
}

/* ---- places ---- */

static uint32_t size_now(const struct rewriting *w, uint32_t function)
{
	return w->replacement[function] ? w->replacement[function]->image->n_insns
					: w->object->functions[function].n_insns;
}

static bool is_changed(const struct rewriting *w, uint32_t section)
{
	for (uint32_t i = 0; i < w->object->n_functions; i++)
		if (w->object->functions[i].section == section && w->replacement[i])
			return true;
	return false;
}

/* Functions move up behind each other: nothing may be between them. */
static int place_functions(struct rewriting *w, uint32_t section)
{
	const struct hone_object *object = w->object;
	uint32_t was = 0, is = 0;

	for (uint32_t i = 0; i < object->n_functions; i++) {
		const struct hone_object_function *function = &object->functions[i];
		struct hone_symbol *symbol = &w->out.symbols[w->symbol_to[function->symbol]];

		if (function->section != section)
			continue;
		if (function->first != was)
			break;
		w->moved[i].to = is;
		symbol->value = (uint64_t)is * INSN_BYTES;
		symbol->size = (uint64_t)size_now(w, i) * INSN_BYTES;
		was += function->n_insns;
		is += size_now(w, i);
	}
	if ((uint64_t)was * INSN_BYTES != section_of(w, section)->size)
		return hone_refuse(w->why, HONE_NO_OBJECT,
				   "section %.40s: instructions that are of no function",
				   section_of(w, section)->name);
	w->out.sections[w->section_to[section]].size = (uint64_t)is * INSN_BYTES;
	return 0;
}

/* ---- code ---- */

static struct bpf_insn *insns_at(const struct rewriting *w, uint32_t function)
{
	const struct hone_object_function *f = &w->object->functions[function];
	const uint8_t *bytes = w->out.sections[w->section_to[f->section]].bytes;

	return (struct bpf_insn *)(uintptr_t)bytes + w->moved[function].to;
}

/* Calls of functions whose distance has changed; those with a relocation are the loader's. */
static int keep_near_calls(struct rewriting *w, uint32_t function, const bool *has_reloc)
{
	const struct hone_object_function *f = &w->object->functions[function];
	struct bpf_insn *insns = insns_at(w, function);

	for (uint32_t i = 0; i < f->n_insns; i++) {
		const struct hone_object_function *to;
		int64_t target = (int64_t)f->first + i + 1 + insns[i].imm;

		if (insns[i].code == LD_IMM64) {
			i++;
			continue;
		}
		if (has_reloc[f->first + i] || insns[i].code != (BPF_JMP | BPF_CALL) ||
		    insns[i].src_reg != BPF_PSEUDO_CALL)
			continue;
		to = target < 0 ? NULL
				: hone_object_function_at(w->object, f->section, (uint64_t)target);
		if (!to)
			return hone_refuse(w->why, HONE_NO_RELOCATION,
					   "%.40s: instruction %u calls no function", f->name, i);
		insns[i].imm = (int32_t)w->moved[to - w->object->functions].to -
			       (int32_t)(w->moved[function].to + i + 1);
	}
	return 0;
}

static int fill_code(struct rewriting *w, uint32_t section, const bool *has_reloc)
{
	const struct hone_object *object = w->object;
	struct hone_section *out = &w->out.sections[w->section_to[section]];

	out->bytes = hone_arena_alloc(w->arena, out->size, 1);
	for (uint32_t i = 0; i < object->n_functions; i++) {
		const struct hone_object_function *function = &object->functions[i];
		const struct hone_replacement *replacement = w->replacement[i];
		int err;

		if (function->section != section)
			continue;
		memcpy(insns_at(w, i),
		       replacement ? (const void *)replacement->image->insns
				   : section_of(w, section)->bytes +
					     (size_t)function->first * INSN_BYTES,
		       (size_t)size_now(w, i) * INSN_BYTES);
		err = replacement ? 0 : keep_near_calls(w, i, has_reloc);
		if (err)
			return err;
	}
	return 0;
}

/* ---- relocations ---- */

struct relocs {
	Elf64_Rel *rel;
	uint32_t n;
};

/* One of an image: which symbol, and what distance from it. */
static int put_image_reloc(struct rewriting *w, uint32_t function, const struct hone_reloc *reloc,
			   struct relocs *out)
{
	const struct hone_replacement *replacement = w->replacement[function];
	struct bpf_insn *insn = insns_at(w, function) + reloc->insn;
	const struct hone_object_map *map;

	if (reloc->kind != HONE_RELOC_MAP && reloc->kind != HONE_RELOC_MAP_VALUE)
		return hone_refuse(w->why, HONE_NO_RELOCATION,
				   "%.40s: needs a map that the object does not have",
				   replacement->program->name);
	map = &w->object->maps[replacement->map_of[reloc->map]];
	if (!map->symbol || map->is_globals != (reloc->kind == HONE_RELOC_MAP_VALUE))
		return hone_refuse(w->why, HONE_NO_RELOCATION, "%.40s: map %s cannot be named",
				   replacement->program->name, map->map.name);
	insn[0].src_reg = 0;
	insn[0].imm = insn[1].imm = 0;
	if (map->is_globals)
		insn[0].imm = (int32_t)(reloc->offset - w->object->elf.symbols[map->symbol].value);
	out->rel[out->n++] = (Elf64_Rel){
		.r_offset = (uint64_t)(w->moved[function].to + reloc->insn) * INSN_BYTES,
		.r_info = ELF64_R_INFO((uint64_t)w->symbol_to[map->symbol], R_BPF_64_64),
	};
	return 0;
}

/* One that was there: its symbol must be, and mean the same place. */
static int put_old_reloc(struct rewriting *w, const Elf64_Rel *rel, uint64_t offset,
			 struct relocs *out)
{
	uint32_t old = (uint32_t)ELF64_R_SYM(rel->r_info);
	const struct hone_symbol *symbol = &w->object->elf.symbols[old];
	bool is_section = ELF64_ST_TYPE(symbol->info) == STT_SECTION;

	if (w->symbol_to[old] == GONE ||
	    (is_section && symbol->section < SHN_LORESERVE && is_changed(w, symbol->section)))
		return hone_refuse(w->why, HONE_NO_RELOCATION, "it names %.60s, which has moved",
				   symbol->name[0] ? symbol->name : "code");
	out->rel[out->n++] = (Elf64_Rel){
		.r_offset = offset,
		.r_info = ELF64_R_INFO((uint64_t)w->symbol_to[old], ELF64_R_TYPE(rel->r_info)),
	};
	return 0;
}

static Elf64_Rel reloc_at(const struct hone_section *section, uint64_t index)
{
	Elf64_Rel rel;

	memcpy(&rel, section->bytes + index * sizeof(rel), sizeof(rel));
	return rel;
}

static int put_function_relocs(struct rewriting *w, uint32_t function,
			       const struct hone_section *old, struct relocs *out)
{
	const struct hone_object_function *f = &w->object->functions[function];
	const struct hone_replacement *replacement = w->replacement[function];
	int err = 0;

	if (replacement) {
		for (uint32_t i = 0; !err && i < replacement->image->n_relocs; i++)
			err = put_image_reloc(w, function, &replacement->image->relocs[i], out);
		return err;
	}
	for (uint64_t i = 0; !err && i < old->size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel rel = reloc_at(old, i);
		uint64_t insn = rel.r_offset / INSN_BYTES;

		if (insn >= f->first && insn - f->first < f->n_insns)
			err = put_old_reloc(w, &rel,
					    rel.r_offset +
						    ((uint64_t)w->moved[function].to - f->first) *
							    INSN_BYTES,
					    out);
	}
	return err;
}

static struct relocs new_relocs(struct rewriting *w, uint64_t room)
{
	return (struct relocs){.rel = hone_arena_alloc(w->arena, room, sizeof(Elf64_Rel))};
}

static void put_relocs(struct hone_section *section, const struct relocs *relocs)
{
	section->bytes = (const uint8_t *)relocs->rel;
	section->size = relocs->n * sizeof(Elf64_Rel);
}

/* Of data, or of code that stays as it is: the same with other symbol numbers. */
static int copy_relocs(struct rewriting *w, const struct hone_section *old,
		       struct hone_section *out)
{
	struct relocs relocs = new_relocs(w, old->size / sizeof(Elf64_Rel));
	int err = 0;

	for (uint64_t i = 0; !err && i < old->size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel rel = reloc_at(old, i);

		err = put_old_reloc(w, &rel, rel.r_offset, &relocs);
	}
	put_relocs(out, &relocs);
	return err;
}

static int rebuild_relocs(struct rewriting *w, uint32_t section, const struct hone_section *old,
			  struct hone_section *out)
{
	uint64_t room = old->size / sizeof(Elf64_Rel) + count_image_relocs(w, section);
	struct relocs relocs = new_relocs(w, room);
	int err = 0;

	for (uint32_t i = 0; !err && i < w->object->n_functions; i++)
		if (w->object->functions[i].section == section)
			err = put_function_relocs(w, i, old, &relocs);
	put_relocs(out, &relocs);
	return err;
}

/* ---- sections ---- */

static bool *mark_relocs(struct rewriting *w, uint32_t section)
{
	const struct hone_section *relocs = section_of(w, hone_object_relocs(w->object, section));
	bool *has = hone_arena_alloc(w->arena, section_of(w, section)->size / INSN_BYTES, 1);

	for (uint64_t i = 0; i < relocs->size / sizeof(Elf64_Rel); i++)
		has[reloc_at(relocs, i).r_offset / INSN_BYTES] = true;
	return has;
}

static int write_code(struct rewriting *w, uint32_t index)
{
	int err = is_changed(w, index) ? place_functions(w, index) : 0;

	if (err || !is_changed(w, index))
		return err;
	return fill_code(w, index, mark_relocs(w, index));
}

static int write_relocs(struct rewriting *w, uint32_t index)
{
	const struct hone_section *old = section_of(w, index);
	struct hone_section *out = &w->out.sections[w->section_to[index]];

	out->info = w->section_to[old->info];
	return is_changed(w, old->info) ? rebuild_relocs(w, old->info, old, out)
					: copy_relocs(w, old, out);
}

static int add_relocs(struct rewriting *w, uint32_t section, uint32_t at)
{
	const char *of = section_of(w, section)->name;
	char *name = hone_arena_alloc(w->arena, strlen(of) + sizeof(".rel"), 1);
	struct hone_section *out = &w->out.sections[at];

	strcat(strcpy(name, ".rel"), of);
	*out = (struct hone_section){
		.name = name,
		.type = SHT_REL,
		.flags = SHF_INFO_LINK,
		.info = w->section_to[section],
		.entry_size = sizeof(Elf64_Rel),
		.align = sizeof(uint64_t),
	};
	return rebuild_relocs(w, section, section_of(w, 0), out);
}

static int write_btf_ext(struct rewriting *w)
{
	struct hone_section *out = &w->out.sections[w->section_to[w->object->btf_ext_section]];
	uint8_t *bytes;
	size_t size;
	int err;

	if (!w->object->btf_ext_section || !w->object->btf_section)
		return 0;
	err = hone_btf_ext_move(w->object, w->moved, w->object->n_functions, &bytes, &size, w->why);
	if (err)
		return err;
	out->bytes = bytes;
	out->size = size;
	return 0;
}

/* Code first: relocations are about where it is then. */
static int write_sections(struct rewriting *w)
{
	const struct hone_elf *elf = &w->object->elf;
	int err = 0;

	w->out.sections = hone_arena_alloc(w->arena, w->out.n_sections, sizeof(*w->out.sections));
	for (uint32_t i = 1; i < elf->n_sections; i++)
		if (w->section_to[i] != GONE)
			w->out.sections[w->section_to[i]] = elf->sections[i];
	for (uint32_t i = 1; !err && i < elf->n_sections; i++)
		if (w->section_to[i] != GONE && hone_object_is_code(&elf->sections[i]))
			err = write_code(w, i);
	for (uint32_t i = 1; !err && i < elf->n_sections; i++)
		if (w->section_to[i] != GONE && elf->sections[i].type == SHT_REL)
			err = write_relocs(w, i);
	for (uint32_t i = 1, at = w->relocs_at; !err && i < elf->n_sections; i++)
		if (needs_relocs(w, i))
			err = add_relocs(w, i, at++);
	return err ? err : write_btf_ext(w);
}

static void begin(struct rewriting *w, const struct hone_replacement *replacements, uint32_t n)
{
	const struct hone_object *object = w->object;

	w->out.flags = object->elf.flags;
	w->replacement = hone_arena_alloc(w->arena, object->n_functions, sizeof(*w->replacement));
	w->moved = hone_arena_alloc(w->arena, object->n_functions, sizeof(*w->moved));
	for (uint32_t i = 0; i < n; i++)
		w->replacement[replacements[i].program - object->functions] = &replacements[i];
	for (uint32_t i = 0; i < object->n_functions; i++) {
		const struct hone_object_function *function = &object->functions[i];

		w->moved[i] = (struct hone_moved){
			.section = section_of(w, function->section)->name,
			.first = function->first,
			.n_insns = function->n_insns,
			.to = function->first,
			.is_rewritten = w->replacement[i] != NULL,
		};
	}
}

int hone_object_write(const struct hone_object *object, const struct hone_replacement *replacements,
		      uint32_t n, const uint8_t **bytes, size_t *size, struct hone_refusal *why)
{
	struct rewriting w = {.object = object, .arena = object->arena, .why = why};
	int err;

	begin(&w, replacements, n);
	number_sections(&w);
	number_symbols(&w);
	err = write_sections(&w);
	if (err)
		return err;
	*bytes = hone_elf_write(w.arena, &w.out, size);
	return 0;
}
