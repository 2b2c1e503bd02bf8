// SPDX-License-Identifier: Apache-2.0
/* fuzz_object: any bytes as an ELF object. What is read becomes units, and is written again with
 * one program replaced; what was written is an object that is read, of the same programs and maps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/object.h"

#define promise(claim)                                                                             \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__,         \
				#claim);                                                           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_unit(const struct hone_object *object, const struct hone_object_function *program)
{
	uint32_t map_of[HONE_MAPS_MAX];
	struct hone_refusal why = {0};
	struct hone_unit unit;

	if (hone_object_unit(object, program, &unit, map_of, &why)) {
		promise(why.reason != HONE_REWRITTEN && why.detail[0]);
		return;
	}
	promise(unit.n_insns >= program->n_insns && unit.n_insns <= HONE_OBJECT_INSNS_MAX);
	promise(unit.n_maps <= HONE_MAPS_MAX);
	for (uint32_t i = 0; i < unit.n_maps; i++)
		promise(map_of[i] < object->n_maps && unit.maps[i].index == i);
}

/* An image of two instructions and, if there is a map, one that names it. */
static uint32_t make_image(const struct hone_object *object, struct bpf_insn *insns,
			   struct hone_reloc *reloc, struct hone_image *out)
{
	static const struct bpf_insn end[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2},
					      {.code = BPF_JMP | BPF_EXIT}};
	uint32_t n = 0, map = 0;

	while (map < object->n_maps && !object->maps[map].symbol)
		map++;
	if (map < object->n_maps) {
		insns[n].code = BPF_LD | BPF_IMM | BPF_DW;
		n += 2;
		reloc->kind = object->maps[map].is_globals ? HONE_RELOC_MAP_VALUE : HONE_RELOC_MAP;
	}
	memcpy(&insns[n], end, sizeof(end));
	*out = (struct hone_image){
		.n_insns = n + 2, .insns = insns, .n_relocs = n > 0, .relocs = reloc};
	return map;
}

static void check_written(struct hone_arena *arena, const struct hone_object *object,
			  const struct hone_object_function *program)
{
	struct bpf_insn insns[4] = {0};
	struct hone_reloc reloc = {0};
	struct hone_image image;
	uint32_t map = make_image(object, insns, &reloc, &image);
	struct hone_replacement replacement = {program, &image, &map};
	struct hone_refusal why = {0};
	struct hone_object again;
	const uint8_t *bytes, *same;
	size_t size, same_size;

	if (hone_object_write(object, &replacement, 1, &bytes, &size, &why))
		return;
	promise(hone_object_write(object, &replacement, 1, &same, &same_size, &why) == 0);
	promise(same_size == size && memcmp(bytes, same, size) == 0);
	if (hone_object_read(arena, bytes, size, &again, &why))
		fprintf(stderr, "%s\n", why.detail);
	promise(!why.detail[0]);
	promise(again.n_functions == object->n_functions && again.n_maps == object->n_maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hone_arena *arena = hone_arena_new();
	struct hone_refusal why = {0};
	struct hone_object object;
	bool is_written = false;

	if (hone_object_read(arena, data, size, &object, &why)) {
		promise(why.reason == HONE_NO_OBJECT && why.detail[0]);
		hone_arena_free(arena);
		return 0;
	}
	for (uint32_t i = 0; i < object.n_functions && i < 64; i++) {
		if (!object.functions[i].is_program)
			continue;
		check_unit(&object, &object.functions[i]);
		if (!is_written)
			check_written(arena, &object, &object.functions[i]);
		is_written = true;
	}
	hone_arena_free(arena);
	return 0;
}
