// SPDX-License-Identifier: Apache-2.0
/* fuzz_analysis: any bytes as a program, through decode, kinds and effects. A first byte of 0xff
 * says to take the bytes as they are. Beside memory errors it checks what the results' form
 * promises; whether they are true is for fuzz_truth.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/analysis.h"
#include "tests/fuzz/program.h"

static void promise(bool holds)
{
	if (!holds)
		abort();
}

static void check_code(const struct hone_code *code)
{
	for (uint32_t i = 0; i < code->n_blocks; i++) {
		const struct hone_block *block = &code->blocks[i];

		promise(block->first < block->end && block->end <= code->n_insns);
		promise(block->jump < (int32_t)code->n_blocks &&
			block->next < (int32_t)code->n_blocks);
	}
}

static void check_kinds(const struct hone_code *code, const struct hone_kinds *kinds)
{
	for (uint32_t at = 0; at < code->n_insns; at++) {
		if (code->block_of[at] < 0)
			continue;
		promise(kinds->reg[at][BPF_REG_10].kind == HONE_KIND_STACK);
		promise(kinds->reg[at][BPF_REG_10].constant == 0);
	}
}

static void check_analysis(const struct hone_code *code, const struct hone_analysis *analysis)
{
	for (uint32_t i = 0; i < analysis->n_sites; i++) {
		const struct hone_site *site = &analysis->sites[i];

		promise(site->id == i && site->insn < code->n_insns);
		promise(code->insns[site->insn].code == (BPF_JMP | BPF_CALL));
		promise(!site->tested_ok || (site->n_loads > 0 && !site->in_loop));
		for (uint32_t j = 0; j < site->n_loads; j++)
			promise(code->insns[site->loads[j]].code == (BPF_LDX | BPF_MEM | BPF_DW));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn insns[PROGRAM_INSNS];
	struct hone_arena *arena = hone_arena_new();
	struct hone_unit unit = {.prog_type = BPF_PROG_TYPE_XDP,
				 .insns = insns,
				 .maps = program_maps,
				 .n_maps = PROGRAM_MAPS};
	struct hone_refusal why = {0};
	struct hone_kinds *kinds = NULL;
	struct hone_code *code;

	if (size > 0 && data[0] == 0xff) {
		unit.n_insns = (uint32_t)((size - 1) / sizeof(insns[0]));
		unit.n_insns = unit.n_insns > PROGRAM_INSNS ? PROGRAM_INSNS : unit.n_insns;
		memcpy(insns, data + 1, unit.n_insns * sizeof(insns[0]));
	} else {
		unit.n_insns = program_make(data, size, insns);
	}
	code = hone_decode(arena, &unit, &why);
	if (code) {
		check_code(code);
		kinds = hone_kinds(arena, code, &why);
	}
	promise(kinds || why.reason != HONE_REWRITTEN);
	if (kinds) {
		check_kinds(code, kinds);
		check_analysis(code, hone_effects(arena, code, kinds));
	}
	hone_arena_free(arena);
	return 0;
}
