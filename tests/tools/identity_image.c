// SPDX-License-Identifier: Apache-2.0
/* identity_image: see the header. */
#include "tests/tools/identity_image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/bpf/abi.h"
#include "tests/tools/asm.h"

enum { TABLE_BYTES = 64, FALLBACK_INSNS = 17 };

static const struct bpf_insn prologue[] = {
	ASM_MOV_REG(BPF_REG_6, BPF_REG_1),
	ASM_MAP_VALUE(BPF_REG_1, 0, 0), /* 1: guard */
	ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 0),
	ASM_MAP_VALUE(BPF_REG_2, 0, 0), /* 4: table */
	ASM_LOAD(BPF_DW, BPF_REG_2, BPF_REG_2, 0),
	ASM_JMP_REG(BPF_JEQ, BPF_REG_1, BPF_REG_2, FALLBACK_INSNS),
	ASM_STORE_IMM(BPF_W, BPF_REG_10, -4, HONE_COUNT_FALLBACK),
	ASM_MOV_REG(BPF_REG_2, BPF_REG_10),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4),
	ASM_MAP(BPF_REG_1, 0), /* 11: counts */
	ASM_CALL(BPF_FUNC_map_lookup_elem),
	ASM_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 3),
	ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_1, 1),
	ASM_STORE(BPF_DW, BPF_REG_0, BPF_REG_1, 0),
	ASM_MOV_REG(BPF_REG_1, BPF_REG_6),
	ASM_MAP(BPF_REG_2, 0), /* 19: slots */
	ASM_MOV_IMM(BPF_REG_3, HONE_PROG_ORIGINAL),
	ASM_CALL(BPF_FUNC_tail_call),
	ASM_MOV_IMM(BPF_REG_0, XDP_ABORTED),
	ASM_EXIT(),
	ASM_MOV_REG(BPF_REG_1, BPF_REG_6),
};
static const struct hone_reloc prologue_relocs[] = {
	{.insn = 1, .kind = HONE_RELOC_GUARD},
	{.insn = 4, .kind = HONE_RELOC_TABLE},
	{.insn = 11, .kind = HONE_RELOC_COUNTS},
	{.insn = 19, .kind = HONE_RELOC_SLOTS},
};
enum {
	N_PROLOGUE = sizeof(prologue) / sizeof(prologue[0]),
	N_RELOCS = sizeof(prologue_relocs) / sizeof(prologue_relocs[0]),
};
static_assert(N_PROLOGUE == 8 + FALLBACK_INSNS + 1, "the guard jumps over the fallback");

const uint32_t identity_body = N_PROLOGUE;

static void add_relocs(const struct hone_unit *unit, struct hone_image *image)
{
	memcpy(image->relocs, prologue_relocs, sizeof(prologue_relocs));
	image->n_relocs = N_RELOCS;
	for (uint32_t i = 0; i < unit->n_insns; i++) {
		const struct bpf_insn *insn = &unit->insns[i];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			image->relocs[image->n_relocs++] = (struct hone_reloc){
				.insn = N_PROLOGUE + i,
				.kind = insn->src_reg == BPF_PSEUDO_MAP_FD ? HONE_RELOC_MAP
									   : HONE_RELOC_MAP_VALUE,
				.map = (uint32_t)insn->imm,
				.offset = (uint32_t)insn[1].imm,
			};
		i++;
	}
}

int identity_image_new(const struct hone_unit *unit, struct hone_image *out)
{
	struct hone_image image = {
		.n_insns = N_PROLOGUE + unit->n_insns,
		.insns = calloc(N_PROLOGUE + unit->n_insns, sizeof(*image.insns)),
		.relocs = calloc(N_RELOCS + unit->n_insns, sizeof(*image.relocs)),
		.table_bytes = TABLE_BYTES,
		.table = calloc(1, TABLE_BYTES),
	};

	if (!image.insns || !image.relocs || !image.table) {
		identity_image_free(&image);
		return -ENOMEM;
	}
	memset(image.table, 0xff, sizeof(uint64_t)); /* HONE_EPOCH_NEVER */
	memcpy(image.insns, prologue, sizeof(prologue));
	memcpy(image.insns + N_PROLOGUE, unit->insns, unit->n_insns * sizeof(*unit->insns));
	add_relocs(unit, &image);
	*out = image;
	return 0;
}

void identity_image_free(struct hone_image *image)
{
	free(image->insns);
	free(image->relocs);
	free(image->table);
	*image = (struct hone_image){0};
}
