// SPDX-License-Identifier: Apache-2.0
/* root: the program that is attached while an image is live: a prologue in front of the
 * original's own instructions.
 *
 * When:    a first image has passed the gate.
 * Does:    calls slots[HONE_PROG_IMAGE]; where that is empty, goes on as the original.
 * Not:     attaching. Where the verifier refuses the prologue (stack under tail calls), there is
 *          no root and the unit stays as it is.
 * Relative jumps, calls and function references need no change: all lie behind the prologue. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/load_program.h"

enum { PROLOGUE_INSNS = 6 };

static void write_prologue(struct bpf_insn *at, int slots_fd)
{
	const struct bpf_insn prologue[PROLOGUE_INSNS] = {
		/* r6 = ctx: survives the call; the original expects r6 to hold nothing */
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = slots_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = HONE_PROG_IMAGE},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
	};

	memcpy(at, prologue, sizeof(prologue));
}

/* Records of func_info or line_info, which start with insn_off (u32), for the root. The first
 * one grows, the others move. NULL: no memory. */
static uint8_t *moved_records(const uint8_t *records, uint32_t n, uint32_t record_bytes)
{
	uint8_t *moved = malloc((size_t)n * record_bytes + 1);

	for (uint32_t i = 0; moved && i < n; i++) {
		uint8_t *record = moved + (size_t)i * record_bytes;
		uint32_t insn_off;

		memcpy(record, records + (size_t)i * record_bytes, record_bytes);
		memcpy(&insn_off, record, sizeof(insn_off));
		if (insn_off > 0)
			insn_off += PROLOGUE_INSNS;
		memcpy(record, &insn_off, sizeof(insn_off));
	}
	return moved;
}

static bool has_odd_records(uint32_t n, uint32_t record_bytes)
{
	return n > 0 && record_bytes < sizeof(uint32_t);
}

int hone_load_root(const struct hone_unit *unit, const struct hone_maps *maps, int slots_fd,
		   struct hone_loaded *out, char *log)
{
	uint32_t n_insns = unit->n_insns + PROLOGUE_INSNS;
	_cleanup_free_ struct bpf_insn *insns = calloc(n_insns, sizeof(*insns));
	_cleanup_free_ uint8_t *func_info = NULL, *line_info = NULL;
	struct hone_loaded loaded;
	int err;

	if (log)
		log[0] = '\0';
	if (has_odd_records(unit->n_func_info, unit->func_info_rec_size) ||
	    has_odd_records(unit->n_line_info, unit->line_info_rec_size))
		return hone_log_err(-EINVAL, "%s: func_info or line_info of %u and %u bytes",
				    unit->name, unit->func_info_rec_size, unit->line_info_rec_size);
	func_info = moved_records(unit->func_info, unit->n_func_info, unit->func_info_rec_size);
	line_info = moved_records(unit->line_info, unit->n_line_info, unit->line_info_rec_size);
	if (!insns || !func_info || !line_info)
		return -ENOMEM;

	write_prologue(insns, slots_fd);
	memcpy(insns + PROLOGUE_INSNS, unit->insns, unit->n_insns * sizeof(*insns));
	err = hone_maps_resolve(unit, maps, insns + PROLOGUE_INSNS, unit->n_insns);
	if (err)
		return err;
	err = hone_program_load(&(struct hone_program_load){.unit = unit,
							    .insns = insns,
							    .n_insns = n_insns,
							    .func_info = func_info,
							    .n_func_info = unit->n_func_info,
							    .line_info = line_info,
							    .n_line_info = unit->n_line_info},
				&loaded, log);
	if (err)
		return err;
	err = hone_maps_bind(unit, maps, loaded.fd);
	if (err) {
		close(loaded.fd);
		return err;
	}
	*out = loaded;
	return 0;
}
