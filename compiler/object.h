/* SPDX-License-Identifier: Apache-2.0 */
/* object: ELF objects in, units out of them, and objects with other instructions out again.
 *
 *   object.c       sections, functions, relocations; a program as a unit
 *   object_maps.c  what an object declares as maps
 *   object_out.c   the same object with some programs replaced
 *   btf_ext.c      what goes with instructions: function and line records
 *   build.c        all of it: file, facts, compile, file, report
 *   source.c       C to an object, with diagnostics
 * Only build.c compiles, and so knows LLVM. */
#ifndef HONE_OBJECT_H
#define HONE_OBJECT_H

#include "compiler/elf.h"

enum { HONE_OBJECT_INSNS_MAX = 1000000 }; /* of one program: the kernel's limit */

struct hone_object_function {
	const char *name;
	uint32_t symbol, section;
	uint32_t first, n_insns; /* in the section, in instructions */
	bool is_program;	 /* else only called by others */
};

/* A map, and the symbol by which instructions name it. */
struct hone_object_map {
	struct hone_map map;
	uint32_t section, symbol;
	uint64_t offset;     /* of the map's definition in the section; globals: 0 */
	bool is_globals;     /* a section of variables: named with an offset */
	bool is_set_at_load; /* holds variables that a loader may set: volatile, or of unknown type
			      */
};

struct hone_object {
	struct hone_arena *arena;
	struct hone_elf elf;
	struct hone_btf btf; /* n_types 0: none */
	uint32_t btf_section, btf_ext_section;
	uint32_t n_functions; /* by section, then by place */
	struct hone_object_function *functions;
	uint32_t n_maps;
	struct hone_object_map *maps;
	char license[HONE_LICENSE_LEN];
};

/* hone_object_read() - sections, functions, maps; checked as far as units need it.
 * Returns 0, or -EINVAL with NO_OBJECT. */
int hone_object_read(struct hone_arena *arena, const void *bytes, size_t size,
		     struct hone_object *out, struct hone_refusal *why);

/* hone_object_unit() - one program with the functions that it calls behind it, as a loader would
 * give it to the kernel. Maps: those that it names; their descriptions, no contents but what the
 * object fixes.
 *
 * out:     in the arena: not for hone_unit_free()
 * map_of:  HONE_MAPS_MAX indexes into object->maps, by the unit's
 *
 * Returns 0, or -EINVAL with NO_OBJECT, NO_RELOCATION or NO_CORE. */
int hone_object_unit(const struct hone_object *object, const struct hone_object_function *program,
		     struct hone_unit *out, uint32_t *map_of, struct hone_refusal *why);

/* The function that starts there; NULL: none. */
const struct hone_object_function *hone_object_function_at(const struct hone_object *object,
							   uint32_t section, uint64_t insn);
/* Its relocations: a section of Elf64_Rel for the section `of`; 0: none. */
uint32_t hone_object_relocs(const struct hone_object *object, uint32_t of);
bool hone_object_is_code(const struct hone_section *section);
/* Is it loaded at all, as code or as data? */
bool hone_object_is_loaded(const struct hone_section *section);

/* ---- object_maps.c ---- */

/* hone_object_maps() - fill maps. Returns 0, or -EINVAL with NO_OBJECT. */
int hone_object_maps(struct hone_object *object, struct hone_refusal *why);
/* Index of the map that a symbol names; -1: none. */
int32_t hone_object_map_of(const struct hone_object *object, const struct hone_symbol *symbol);

/* ---- btf_ext.c ---- */

/* A function's place before and after. */
struct hone_moved {
	const char *section;
	uint32_t first, n_insns; /* as they were */
	uint32_t to;		 /* first instruction now */
	bool is_rewritten;	 /* only what is said of its first instruction is still true */
};

/* hone_btf_ext_has_core() - is an instruction in [first, first + n) adapted at load?
 * *insn: the first such; *access: what it reads. Returns 1, 0, or -EINVAL (damaged). */
int hone_btf_ext_has_core(const struct hone_object *object, const char *section, uint32_t first,
			  uint32_t n, uint32_t *insn, const char **access,
			  struct hone_refusal *why);

/* hone_btf_ext_move() - the records of all functions that are in `moved`, at their new places.
 * Returns 0 with *bytes in the arena, or -EINVAL. */
int hone_btf_ext_move(const struct hone_object *object, const struct hone_moved *moved,
		      uint32_t n_moved, uint8_t **bytes, size_t *size, struct hone_refusal *why);

/* ---- object_out.c ---- */

/* A program's new instructions. */
struct hone_replacement {
	const struct hone_object_function *program;
	const struct hone_image *image;
	const uint32_t *map_of;
};

/* hone_object_write() - the object with these programs replaced and without debugging sections.
 * Equal in, equal bytes out. Returns 0 with *bytes in the arena, or -EINVAL. */
int hone_object_write(const struct hone_object *object, const struct hone_replacement *replacements,
		      uint32_t n, const uint8_t **bytes, size_t *size, struct hone_refusal *why);

#endif
