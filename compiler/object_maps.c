// SPDX-License-Identifier: Apache-2.0
/* object_maps: what an object declares as maps: variables of .maps, described by BTF; structs of
 * numbers in `maps`; and its global variables, a section each.
 *
 * Not: contents, but for .rodata without variables that a loader may set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compiler/object.h"

enum { MAPS_MAX = 1024, LEGACY_BYTES_MIN = 20, STEPS_MAX = 4096 };

static struct hone_object_map *add_map(struct hone_object *object, const char *name)
{
	struct hone_object_map *map = &object->maps[object->n_maps];

	map->map.index = object->n_maps++;
	map->map.n_cpus = 1;
	/* Nobody else is known to hold it, and nothing follows what user space writes. */
	map->map.class = HONE_CLASS_CONFIG;
	snprintf(map->map.name, sizeof(map->map.name), "%s", name);
	return map;
}

/* ---- .maps ---- */

/* A number as BTF definitions encode it: a pointer to an array of so many elements. */
static int64_t read_number(const struct hone_btf *btf, uint32_t id)
{
	const struct btf_type *type = hone_btf_strip(btf, id, NULL);

	if (!type || BTF_INFO_KIND(type->info) != BTF_KIND_PTR)
		return -1;
	type = hone_btf_strip(btf, type->type, NULL);
	if (!type || BTF_INFO_KIND(type->info) != BTF_KIND_ARRAY)
		return -1;
	return ((const struct btf_array *)(const void *)(type + 1))->nelems;
}

static int64_t read_pointed_size(const struct hone_btf *btf, uint32_t id)
{
	const struct btf_type *type = hone_btf_strip(btf, id, NULL);

	return type && BTF_INFO_KIND(type->info) == BTF_KIND_PTR ? hone_btf_size(btf, type->type)
								 : -1;
}

static int read_members(const struct hone_object *object, const struct btf_type *definition,
			struct hone_map *out, struct hone_refusal *why)
{
	const struct {
		const char *name;
		int64_t (*read)(const struct hone_btf *btf, uint32_t id);
		uint32_t *out;
	} rows[] = {
		{"type", read_number, &out->type},
		{"max_entries", read_number, &out->max_entries},
		{"map_flags", read_number, &out->flags},
		{"key_size", read_number, &out->key_size},
		{"value_size", read_number, &out->value_size},
		{"key", read_pointed_size, &out->key_size},
		{"value", read_pointed_size, &out->value_size},
	};
	const struct btf_member *members = (const void *)(definition + 1);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(definition->info); i++) {
		const char *name = hone_btf_string(&object->btf, members[i].name_off);

		for (size_t row = 0; name && row < sizeof(rows) / sizeof(rows[0]); row++) {
			int64_t value;

			if (strcmp(rows[row].name, name) != 0)
				continue;
			value = rows[row].read(&object->btf, members[i].type);
			if (value < 0 || value > UINT32_MAX)
				return hone_refuse(why, HONE_NO_OBJECT, "map %.32s: no %s",
						   out->name, name);
			*rows[row].out = (uint32_t)value;
		}
	}
	return 0;
}

static const struct btf_type *find_definition(const struct hone_object *object, const char *name)
{
	const struct btf_type *section = hone_btf_section(&object->btf, ".maps");
	const struct btf_var_secinfo *vars = section ? (const void *)(section + 1) : NULL;

	for (uint32_t i = 0; section && i < BTF_INFO_VLEN(section->info); i++) {
		const struct btf_type *var = hone_btf_type(&object->btf, vars[i].type);
		const char *is = var ? hone_btf_string(&object->btf, var->name_off) : NULL;

		if (is && strcmp(is, name) == 0)
			return hone_btf_strip(&object->btf, vars[i].type, NULL);
	}
	return NULL;
}

static bool is_of_fds(uint32_t type)
{
	return type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	       type == BPF_MAP_TYPE_HASH_OF_MAPS || type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

static int check_shape(struct hone_map *map, struct hone_refusal *why)
{
	if (map->type == 0 || map->type >= HONE_MAP_TYPE_N)
		return hone_refuse(why, HONE_NO_OBJECT, "map %s: type %u", map->name, map->type);
	if (is_of_fds(map->type) && map->value_size == 0)
		map->value_size = sizeof(uint32_t);
	if (is_of_fds(map->type) && map->key_size == 0)
		map->key_size = sizeof(uint32_t);
	if (hone_map_is_array(map->type) && map->key_size != sizeof(uint32_t))
		return hone_refuse(why, HONE_NO_OBJECT, "map %s: an index of %u bytes", map->name,
				   map->key_size);
	return 0;
}

static int add_described(struct hone_object *object, uint32_t symbol, struct hone_refusal *why)
{
	const struct hone_symbol *at = &object->elf.symbols[symbol];
	const struct btf_type *definition = find_definition(object, at->name);
	struct hone_object_map *map = add_map(object, at->name);
	int err;

	if (!definition || BTF_INFO_KIND(definition->info) != BTF_KIND_STRUCT)
		return hone_refuse(why, HONE_NO_OBJECT, "map %.32s: BTF does not describe it",
				   at->name);
	map->section = at->section;
	map->symbol = symbol;
	map->offset = at->value;
	err = read_members(object, definition, &map->map, why);
	return err ? err : check_shape(&map->map, why);
}

/* ---- maps ---- */

static int add_legacy(struct hone_object *object, uint32_t symbol, struct hone_refusal *why)
{
	const struct hone_symbol *at = &object->elf.symbols[symbol];
	const struct hone_section *section = &object->elf.sections[at->section];
	struct hone_object_map *map = add_map(object, at->name);
	uint32_t numbers[LEGACY_BYTES_MIN / sizeof(uint32_t)];

	if (!section->bytes || at->value > section->size ||
	    section->size - at->value < sizeof(numbers))
		return hone_refuse(why, HONE_NO_OBJECT, "map %.32s: cut short", at->name);
	memcpy(numbers, section->bytes + at->value, sizeof(numbers));
	map->section = at->section;
	map->symbol = symbol;
	map->offset = at->value;
	map->map.type = numbers[0];
	map->map.key_size = numbers[1];
	map->map.value_size = numbers[2];
	map->map.max_entries = numbers[3];
	map->map.flags = numbers[4];
	return check_shape(&map->map, why);
}

/* ---- global variables ---- */

static bool has_prefix(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(name, prefix, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

static bool is_globals(const struct hone_section *section)
{
	return hone_object_is_loaded(section) && section->size > 0 &&
	       (has_prefix(section->name, ".rodata") || has_prefix(section->name, ".data") ||
		has_prefix(section->name, ".bss"));
}

/* Is anything in a value of the type volatile? Types that go on for long count as if. */
static bool is_volatile(const struct hone_btf *btf, uint32_t id, int *steps)
{
	bool found = false;
	const struct btf_type *type = hone_btf_strip(btf, id, &found);
	const struct btf_member *members = type ? (const void *)(type + 1) : NULL;

	if (!type || found || (*steps)-- == 0)
		return true;
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_ARRAY:
		return is_volatile(btf, ((const struct btf_array *)(const void *)(type + 1))->type,
				   steps);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++)
			if (is_volatile(btf, members[i].type, steps))
				return true;
		return false;
	default:
		return false;
	}
}

/* C forbids programs to change what is const; a loader is invited to by volatile. */
static bool may_be_set(const struct hone_object *object, const char *name)
{
	const struct btf_type *section = hone_btf_section(&object->btf, name);
	const struct btf_var_secinfo *vars = section ? (const void *)(section + 1) : NULL;
	int steps = STEPS_MAX;

	for (uint32_t i = 0; section && i < BTF_INFO_VLEN(section->info); i++)
		if (is_volatile(&object->btf, vars[i].type, &steps))
			return true;
	return !section;
}

/* A symbol to name the section by: its own, or that of a variable. 0: nobody names it. */
static uint32_t find_symbol(const struct hone_elf *elf, uint32_t section)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < elf->n_symbols; i++) {
		if (elf->symbols[i].section != section ||
		    ELF64_ST_TYPE(elf->symbols[i].info) == STT_FILE)
			continue;
		if (ELF64_ST_TYPE(elf->symbols[i].info) == STT_SECTION)
			return i;
		if (!found)
			found = i;
	}
	return found;
}

static void fix_contents(struct hone_object *object, struct hone_map *map,
			 const struct hone_section *section)
{
	map->is_frozen = true;
	map->class = HONE_CLASS_FIXED;
	map->complete = true;
	map->n_entries = 1;
	map->keys = hone_arena_alloc(object->arena, 1, map->key_size);
	map->values = hone_arena_alloc(object->arena, 1, map->value_size);
	memcpy(map->values, section->bytes, section->size);
}

static void add_globals(struct hone_object *object, uint32_t index)
{
	const struct hone_section *section = &object->elf.sections[index];
	struct hone_object_map *map = add_map(object, section->name);

	map->section = index;
	map->symbol = find_symbol(&object->elf, index);
	map->is_globals = true;
	map->map.type = BPF_MAP_TYPE_ARRAY;
	map->map.key_size = sizeof(uint32_t);
	map->map.value_size = (uint32_t)section->size;
	map->map.max_entries = 1;
	map->map.flags = BPF_F_MMAPABLE;
	if (!has_prefix(section->name, ".rodata"))
		return;
	map->map.flags |= BPF_F_RDONLY_PROG;
	map->is_set_at_load = may_be_set(object, section->name);
	if (!map->is_set_at_load && section->bytes && !hone_object_relocs(object, index))
		fix_contents(object, &map->map, section);
}

/* ---- all ---- */

static bool is_definition(const struct hone_symbol *symbol)
{
	return ELF64_ST_TYPE(symbol->info) == STT_OBJECT;
}

int hone_object_maps(struct hone_object *object, struct hone_refusal *why)
{
	const struct hone_elf *elf = &object->elf;
	uint32_t described = hone_elf_find(elf, ".maps"), legacy = hone_elf_find(elf, "maps");

	object->maps = hone_arena_alloc(object->arena, MAPS_MAX, sizeof(*object->maps));
	for (uint32_t i = 1; i < elf->n_symbols; i++) {
		uint32_t section = elf->symbols[i].section;
		int err = 0;

		if (section == 0 || section >= elf->n_sections ||
		    !hone_object_is_loaded(&elf->sections[section]) ||
		    !is_definition(&elf->symbols[i]))
			continue;
		if (object->n_maps == MAPS_MAX)
			return hone_refuse(why, HONE_NO_OBJECT, "more than %d maps", MAPS_MAX);
		if (section == described)
			err = add_described(object, i, why);
		else if (section == legacy)
			err = add_legacy(object, i, why);
		if (err)
			return err;
	}
	for (uint32_t i = 1; i < elf->n_sections && object->n_maps < MAPS_MAX; i++)
		if (is_globals(&elf->sections[i]))
			add_globals(object, i);
	return 0;
}

int32_t hone_object_map_of(const struct hone_object *object, const struct hone_symbol *symbol)
{
	for (uint32_t i = 0; i < object->n_maps; i++) {
		const struct hone_object_map *map = &object->maps[i];

		if (map->section == symbol->section &&
		    (map->is_globals || map->offset == symbol->value))
			return (int32_t)i;
	}
	return -1;
}
