// SPDX-License-Identifier: Apache-2.0
/* callees: a kernel function's signature in the form of a helper's, so that whoever follows values
 * and memory through calls need not know which of both it is.
 *
 * What BTF does not tell is taken for the worst: memory of unknown length, written unless const;
 * a map that is changed; and where a pointer comes back, it may be one that was given. */
#include "compiler/analysis.h"
#include "compiler/insn.h"

static void fill_argument(const struct hone_kfunc_arg *arg, int8_t reg, struct hone_helper *out,
			  size_t *n_mem)
{
	if (!(arg->flags & HONE_KFUNC_POINTER))
		return;
	if (arg->flags & HONE_KFUNC_CONST)
		out->consts |= (uint8_t)(1u << reg);
	if (arg->flags & HONE_KFUNC_MAP) {
		out->map_arg = reg;
		return;
	}
	if (!arg->size_arg && (arg->size == 0 || arg->size > UINT16_MAX))
		return;
	out->mem[*n_mem].mem_arg = reg;
	out->mem[*n_mem].size_arg = (int8_t)arg->size_arg;
	out->mem[*n_mem].size = (uint16_t)arg->size;
	++*n_mem;
}

struct hone_helper *hone_callees_new(struct hone_arena *arena, const struct hone_unit *unit)
{
	struct hone_helper *callees = hone_arena_alloc(arena, unit->n_kfuncs, sizeof(*callees));

	for (uint32_t i = 0; i < unit->n_kfuncs; i++) {
		const struct hone_kfunc *kfunc = &unit->kfuncs[i];
		size_t n_mem = 0;

		callees[i].name = kfunc->name;
		callees[i].n_args = (uint8_t)kfunc->n_args;
		callees[i].returns_pointer = kfunc->returns_pointer;
		callees[i].is_kfunc = true;
		for (uint32_t arg = 0; arg < kfunc->n_args; arg++)
			fill_argument(&kfunc->args[arg], (int8_t)(arg + 1), &callees[i], &n_mem);
	}
	return callees;
}

const struct hone_helper *hone_callee(const struct hone_code *code, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];

	if (!hone_insn_is_kfunc_call(insn))
		return hone_helper(insn->imm);
	for (uint32_t i = 0; i < code->unit->n_kfuncs; i++)
		if (code->unit->kfuncs[i].btf_id == (uint32_t)insn->imm)
			return &code->kfuncs[i];
	return NULL;
}
