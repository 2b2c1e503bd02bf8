// SPDX-License-Identifier: Apache-2.0
/* object: an ELF object's functions, and a program of it as a unit.
 *
 * When: honec --build. Does what a loader does before BPF_PROG_LOAD: functions that a program calls
 * are put behind it, relocations become map indexes and distances. Not: CO-RE, which needs the
 * kernel that will run the program, and symbols of that kernel; programs with either are refused.
 */
#include "compiler/object.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#endif
#ifndef R_BPF_64_32
#define R_BPF_64_32 10
#endif

enum { LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW, FUNCTIONS_MAX = 4096, INSN_BYTES = 8 };

bool hone_object_is_loaded(const struct hone_section *section)
{
	return (section->type == SHT_PROGBITS || section->type == SHT_NOBITS) &&
	       (section->flags & SHF_ALLOC);
}

bool hone_object_is_code(const struct hone_section *section)
{
	return hone_object_is_loaded(section) && (section->flags & SHF_EXECINSTR) && section->bytes;
}

uint32_t hone_object_relocs(const struct hone_object *object, uint32_t of)
{
	for (uint32_t i = 1; i < object->elf.n_sections; i++)
		if (object->elf.sections[i].type == SHT_REL && object->elf.sections[i].info == of)
			return i;
	return 0;
}

/* ---- functions ---- */

static int by_place(const void *a, const void *b)
{
	const struct hone_object_function *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static int add_function(struct hone_object *object, uint32_t index, struct hone_refusal *why)
{
	const struct hone_symbol *symbol = &object->elf.symbols[index];
	const struct hone_section *section = &object->elf.sections[symbol->section];

	if (symbol->value % INSN_BYTES || symbol->size % INSN_BYTES || symbol->size == 0 ||
	    symbol->value > section->size || symbol->size > section->size - symbol->value)
		return hone_refuse(why, HONE_NO_OBJECT, "function %.60s is not inside its section",
				   symbol->name);
	if (symbol->size / INSN_BYTES > HONE_OBJECT_INSNS_MAX)
		return hone_refuse(why, HONE_NO_OBJECT,
				   "function %.60s has more than %d instructions", symbol->name,
				   HONE_OBJECT_INSNS_MAX);
	if (object->n_functions == FUNCTIONS_MAX)
		return hone_refuse(why, HONE_NO_OBJECT, "more than %d functions", FUNCTIONS_MAX);
	object->functions[object->n_functions++] = (struct hone_object_function){
		.name = symbol->name,
		.symbol = index,
		.section = symbol->section,
		.first = (uint32_t)(symbol->value / INSN_BYTES),
		.n_insns = (uint32_t)(symbol->size / INSN_BYTES),
		.is_program = strcmp(section->name, ".text") != 0 &&
			      ELF64_ST_BIND(symbol->info) != STB_LOCAL,
	};
	return 0;
}

static int find_functions(struct hone_object *object, struct hone_refusal *why)
{
	const struct hone_elf *elf = &object->elf;
	uint32_t n = 0;

	for (uint32_t i = 1; i < elf->n_symbols; i++)
		n += ELF64_ST_TYPE(elf->symbols[i].info) == STT_FUNC;
	object->functions = hone_arena_alloc(object->arena, n, sizeof(*object->functions));
	for (uint32_t i = 1; i < elf->n_symbols; i++) {
		const struct hone_symbol *symbol = &elf->symbols[i];
		int err;

		if (ELF64_ST_TYPE(symbol->info) != STT_FUNC || symbol->section == 0 ||
		    symbol->section >= elf->n_sections ||
		    !hone_object_is_code(&elf->sections[symbol->section]))
			continue;
		err = add_function(object, i, why);
		if (err)
			return err;
	}
	qsort(object->functions, object->n_functions, sizeof(*object->functions), by_place);
	for (uint32_t i = 1; i < object->n_functions; i++) {
		const struct hone_object_function *a = &object->functions[i - 1], *b = a + 1;

		if (a->section == b->section && a->first + a->n_insns > b->first)
			return hone_refuse(why, HONE_NO_OBJECT, "functions %.40s and %.40s overlap",
					   a->name, b->name);
	}
	return 0;
}

const struct hone_object_function *hone_object_function_at(const struct hone_object *object,
							   uint32_t section, uint64_t insn)
{
	struct hone_object_function key = {.section = section, .first = (uint32_t)insn};

	return insn > UINT32_MAX ? NULL
				 : bsearch(&key, object->functions, object->n_functions,
					   sizeof(key), by_place);
}

/* ---- reading ---- */

static void read_license(struct hone_object *object)
{
	const struct hone_section *section =
		&object->elf.sections[hone_elf_find(&object->elf, "license")];

	if (section->bytes)
		snprintf(object->license, sizeof(object->license), "%.*s",
			 (int)(section->size < sizeof(object->license) ? section->size
								       : sizeof(object->license)),
			 (const char *)section->bytes);
}

int hone_object_read(struct hone_arena *arena, const void *bytes, size_t size,
		     struct hone_object *out, struct hone_refusal *why)
{
	const struct hone_section *btf;
	int err;

	*out = (struct hone_object){.arena = arena};
	err = hone_elf_read(arena, bytes, size, &out->elf, why);
	if (err)
		return err;
	out->btf_section = hone_elf_find(&out->elf, ".BTF");
	out->btf_ext_section = hone_elf_find(&out->elf, ".BTF.ext");
	btf = &out->elf.sections[out->btf_section];
	if (out->btf_section)
		err = hone_btf_read(arena, btf->bytes, btf->size, &out->btf, why);
	if (!err)
		err = find_functions(out, why);
	if (!err)
		err = hone_object_maps(out, why);
	read_license(out);
	return err;
}

/* ---- units ---- */

/* A unit under construction: functions behind each other. */
struct linking {
	const struct hone_object *object;
	struct hone_unit *unit;
	uint32_t *map_of;
	uint32_t capacity; /* of the unit's instructions */
	uint32_t n_functions;
	const struct hone_object_function **functions; /* in the order of the unit */
	uint32_t *at; /* where each of the object's begins in the unit, and one; 0: not in it */
	struct hone_refusal *why;
};

static void grow(struct linking *l, uint32_t n_insns)
{
	struct bpf_insn *grown;

	if (n_insns <= l->capacity)
		return;
	l->capacity = 2 * n_insns;
	grown = hone_arena_alloc(l->object->arena, l->capacity, sizeof(*grown));
	if (l->unit->n_insns)
		memcpy(grown, l->unit->insns, l->unit->n_insns * sizeof(*grown));
	l->unit->insns = grown;
}

/* *at: where the function begins in the unit, to which it is added once. */
static int append(struct linking *l, const struct hone_object_function *function, uint32_t *at)
{
	const struct hone_section *section = &l->object->elf.sections[function->section];
	uint32_t *known = &l->at[function - l->object->functions];
	struct hone_unit *unit = l->unit;

	if (*known == 0) {
		if (unit->n_insns + function->n_insns > HONE_OBJECT_INSNS_MAX)
			return hone_refuse(l->why, HONE_NO_OBJECT, "more than %d instructions",
					   HONE_OBJECT_INSNS_MAX);
		grow(l, unit->n_insns + function->n_insns);
		memcpy(unit->insns + unit->n_insns,
		       section->bytes + (size_t)function->first * INSN_BYTES,
		       (size_t)function->n_insns * INSN_BYTES);
		*known = unit->n_insns + 1;
		l->functions[l->n_functions++] = function;
		unit->n_insns += function->n_insns;
	}
	*at = *known - 1;
	return 0;
}

/* Index of the object's map in the unit; -1: too many. */
static int32_t use_map(struct linking *l, uint32_t map)
{
	for (uint32_t i = 0; i < l->unit->n_maps; i++)
		if (l->map_of[i] == map)
			return (int32_t)i;
	if (l->unit->n_maps == HONE_MAPS_MAX)
		return -1;
	l->map_of[l->unit->n_maps] = map;
	l->unit->maps[l->unit->n_maps] = l->object->maps[map].map;
	l->unit->maps[l->unit->n_maps].index = l->unit->n_maps;
	return (int32_t)l->unit->n_maps++;
}

static int refuse_at(struct linking *l, uint32_t insn, const char *what, const char *name)
{
	return hone_refuse(l->why, HONE_NO_RELOCATION, "instruction %u: %s %.60s", insn, what,
			   name);
}

/* The function at an address of code: a symbol of it, or of the section with a distance. */
static int link_function(struct linking *l, const struct hone_symbol *symbol, int64_t insn,
			 uint32_t at)
{
	const struct hone_object_function *function = NULL;
	uint32_t to;
	int err;

	if (insn >= 0)
		function = hone_object_function_at(l->object, symbol->section, (uint64_t)insn);
	if (!function)
		return refuse_at(l, at, "no function at", symbol->name);
	/* Others may replace it (freplace) once it is loaded: the dispatcher of libxdp lives on
	 * that. */
	if (ELF64_ST_BIND(l->object->elf.symbols[function->symbol].info) != STB_LOCAL)
		return hone_refuse(l->why, HONE_NO_OBJECT_FUNCTIONS,
				   "instruction %u: %.60s is global", at, function->name);
	err = append(l, function, &to);
	if (!err)
		l->unit->insns[at].imm = (int32_t)to - (int32_t)at - 1;
	return err;
}

static int link_load(struct linking *l, uint32_t at, const struct hone_symbol *symbol)
{
	int32_t map = hone_object_map_of(l->object, symbol);
	const struct hone_object_map *is = map >= 0 ? &l->object->maps[map] : NULL;
	struct bpf_insn *insn = &l->unit->insns[at];
	int32_t index;

	if (symbol->section == SHN_UNDEF)
		return refuse_at(l, at,
				 "a symbol of the kernel or its configuration:", symbol->name);
	if (symbol->section < l->object->elf.n_sections &&
	    hone_object_is_code(&l->object->elf.sections[symbol->section])) {
		int64_t target = (int64_t)(symbol->value / INSN_BYTES) + insn->imm / INSN_BYTES;

		insn->src_reg = BPF_PSEUDO_FUNC;
		return link_function(l, symbol, target, at);
	}
	if (!is)
		return refuse_at(l, at, "neither map nor variable:", symbol->name);
	if (!is->is_globals && (insn[0].imm || insn[1].imm))
		return refuse_at(l, at, "a distance from map", symbol->name);
	index = use_map(l, (uint32_t)map);
	if (index < 0)
		return refuse_at(l, at, "more maps than a program can have:", symbol->name);
	if (is->is_globals) {
		uint64_t offset = (uint64_t)(uint32_t)insn[0].imm + symbol->value;

		if (offset > is->map.value_size)
			return refuse_at(l, at, "outside of", symbol->name);
		insn[1].imm = (int32_t)offset;
	}
	insn[0].src_reg = is->is_globals ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
	insn[0].imm = index;
	return 0;
}

static int link_call(struct linking *l, uint32_t at, const struct hone_symbol *symbol)
{
	struct bpf_insn *insn = &l->unit->insns[at];

	if (symbol->section == SHN_UNDEF)
		return refuse_at(l, at, "a function of the kernel:", symbol->name);
	return link_function(l, symbol, (int64_t)(symbol->value / INSN_BYTES) + insn->imm + 1, at);
}

static int link_one(struct linking *l, uint32_t at, const Elf64_Rel *rel)
{
	const struct hone_symbol *symbol = &l->object->elf.symbols[ELF64_R_SYM(rel->r_info)];
	const struct bpf_insn *insn = &l->unit->insns[at];
	uint32_t type = (uint32_t)ELF64_R_TYPE(rel->r_info);

	if (type == R_BPF_64_64 && insn->code == LD_IMM64 && at + 1 < l->unit->n_insns)
		return link_load(l, at, symbol);
	if (type == R_BPF_64_32 && insn->code == (BPF_JMP | BPF_CALL))
		return link_call(l, at, symbol);
	return hone_refuse(l->why, HONE_NO_RELOCATION, "instruction %u: type %u, opcode %#x", at,
			   type, insn->code);
}

/* Calls within a section need no relocation: compilers know the distance. */
static int link_near_calls(struct linking *l, const struct hone_object_function *function,
			   uint32_t base, const bool *is_linked)
{
	for (uint32_t i = 0; i < function->n_insns; i++) {
		const struct bpf_insn *insn = &l->unit->insns[base + i];
		struct hone_symbol here = {.name = function->name, .section = function->section};
		int err;

		if (insn->code == LD_IMM64) {
			i++;
			continue;
		}
		if (is_linked[i] || insn->code != (BPF_JMP | BPF_CALL) ||
		    insn->src_reg != BPF_PSEUDO_CALL)
			continue;
		err = link_function(l, &here, (int64_t)function->first + i + 1 + insn->imm,
				    base + i);
		if (err)
			return err;
	}
	return 0;
}

static int link_one_function(struct linking *l, const struct hone_object_function *function,
			     uint32_t base)
{
	const struct hone_object *object = l->object;
	const struct hone_section *relocs =
		&object->elf.sections[hone_object_relocs(object, function->section)];
	bool *is_linked = hone_arena_alloc(object->arena, function->n_insns, sizeof(*is_linked));

	for (uint64_t i = 0; i < relocs->size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel rel;
		uint64_t insn;
		int err;

		memcpy(&rel, relocs->bytes + i * sizeof(rel), sizeof(rel));
		insn = rel.r_offset / INSN_BYTES;
		if (insn < function->first || insn >= function->first + function->n_insns)
			continue;
		insn -= function->first;
		if (rel.r_offset % INSN_BYTES || is_linked[insn])
			return hone_refuse(l->why, HONE_NO_RELOCATION,
					   "relocation %llu: within or twice at instruction %llu",
					   (unsigned long long)i, (unsigned long long)insn);
		is_linked[insn] = true;
		err = link_one(l, base + (uint32_t)insn, &rel);
		if (err)
			return err;
	}
	return link_near_calls(l, function, base, is_linked);
}

static int refuse_core(const struct hone_object *object,
		       const struct hone_object_function *function, struct hone_refusal *why)
{
	const char *access = "";
	uint32_t insn = 0;
	int has = hone_btf_ext_has_core(object, object->elf.sections[function->section].name,
					function->first, function->n_insns, &insn, &access, why);

	if (has <= 0)
		return has;
	return hone_refuse(why, HONE_NO_CORE, "instruction %u of %.60s: %.60s",
			   insn - function->first, function->name, access);
}

/* What a section's name says of the programs in it. */
static void set_type(struct hone_unit *unit, const char *section)
{
	static const struct {
		const char *prefix;
		uint32_t prog_type, attach_type, flags;
	} rows[] = {
		{"xdp.frags/devmap", BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, BPF_F_XDP_HAS_FRAGS},
		{"xdp/devmap", BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, 0},
		{"xdp.frags/cpumap", BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP, BPF_F_XDP_HAS_FRAGS},
		{"xdp/cpumap", BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP, 0},
		{"xdp.frags", BPF_PROG_TYPE_XDP, BPF_XDP, BPF_F_XDP_HAS_FRAGS},
		{"xdp", BPF_PROG_TYPE_XDP, BPF_XDP, 0},
		{"tc", BPF_PROG_TYPE_SCHED_CLS, 0, 0},
		{"classifier", BPF_PROG_TYPE_SCHED_CLS, 0, 0},
		{"action", BPF_PROG_TYPE_SCHED_ACT, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t length = strlen(rows[i].prefix);

		if (strncmp(section, rows[i].prefix, length) != 0 ||
		    isalnum((unsigned char)section[length]))
			continue;
		unit->prog_type = rows[i].prog_type;
		unit->expected_attach_type = rows[i].attach_type;
		unit->prog_flags = rows[i].flags;
		return;
	}
}

int hone_object_unit(const struct hone_object *object, const struct hone_object_function *program,
		     struct hone_unit *out, uint32_t *map_of, struct hone_refusal *why)
{
	struct linking l = {.object = object, .unit = out, .map_of = map_of, .why = why};
	struct hone_arena *arena = object->arena;
	uint32_t at;
	int err;

	*out = (struct hone_unit){0};
	out->maps = hone_arena_alloc(arena, HONE_MAPS_MAX, sizeof(*out->maps));
	l.functions = hone_arena_alloc(arena, object->n_functions, sizeof(*l.functions));
	l.at = hone_arena_alloc(arena, object->n_functions, sizeof(*l.at));
	snprintf(out->name, sizeof(out->name), "%s", program->name);
	memcpy(out->license, object->license, sizeof(out->license));
	set_type(out, object->elf.sections[program->section].name);
	err = append(&l, program, &at);
	/* Each function may bring others: the list grows under way. */
	for (uint32_t i = 0; !err && i < l.n_functions; i++) {
		const struct hone_object_function *function = l.functions[i];

		err = refuse_core(object, function, why);
		if (!err)
			err = link_one_function(&l, function,
						l.at[function - object->functions] - 1);
	}
	return err;
}
