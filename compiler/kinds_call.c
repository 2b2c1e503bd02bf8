// SPDX-License-Identifier: Apache-2.0
/* kinds_call: which function a call has run, with what arguments, and what comes of the memory
 * that they point to. For kinds*.c and for whoever follows memory after them. A helper that calls
 * back is a call of the function it was given. */
#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

static const struct hone_reach nothing = {0, 0};

struct hone_value hone_value_handed(const struct hone_value *value, int by)
{
	struct hone_value handed = *value;

	if (value->kind == HONE_KIND_STACK)
		return (struct hone_value){
			.kind = HONE_KIND_POINTER, .is_known = true, .frames = (uint8_t)(1u << by)};
	if (!hone_value_is_pointer(value) || !value->frames)
		return handed;
	handed.frames = (uint8_t)(1u << by);
	if (!value->maps && !value->sites) {
		handed.is_known = true;
		handed.constant = 0;
	} else if (value->constant != 0) {
		handed.is_known = false; /* of what: the value, or the argument? */
		handed.constant = 0;
	}
	return handed;
}

/* ---- the function ---- */

static bool hand_local(const struct hone_code *code, const struct hone_value *reg, uint32_t at,
		       struct hone_handed *out)
{
	*out = (struct hone_handed){.callee = hone_function_named(code, at)};
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		if (!(code->functions[out->callee].args >> arg & 1))
			continue;
		out->from[arg] = arg;
		out->value[arg] = hone_value_handed(&reg[arg], arg);
	}
	return true;
}

enum given { NONE, NUMBER, MAP, KEY, VALUE, OBJECT, CONTEXT };

static const uint8_t given[HONE_CALLBACK_N][BPF_REG_5] = {
	[HONE_CALLS_WITH_INDEX] = {NUMBER, CONTEXT},
	[HONE_CALLS_WITH_ENTRY] = {MAP, KEY, VALUE, CONTEXT},
	[HONE_CALLS_WITH_OBJECT] = {OBJECT, CONTEXT},
	[HONE_CALLS_WITH_PART] = {OBJECT, OBJECT, CONTEXT},
};

static struct hone_value value_given(const struct hone_code *code, const struct hone_value *map,
				     enum given what)
{
	struct hone_value value = {.kind = HONE_KIND_POINTER, .other = true};

	switch (what) {
	case NONE:
		return (struct hone_value){.kind = HONE_KIND_UNSET};
	case NUMBER:
		return hone_value_scalar();
	case MAP:
		return *map;
	case VALUE:
		value.is_known = true;
		value.maps = map->kind == HONE_KIND_MAP ? map->maps : hone_all_maps(code->unit);
		return value;
	default:
		return value;
	}
}

static bool hand_callback(const struct hone_code *code, const struct hone_value *reg,
			  const struct hone_helper *helper, struct hone_handed *out)
{
	const struct hone_value *function = &reg[helper->function_arg];

	if (helper->calls == HONE_CALLS_NOTHING || function->kind != HONE_KIND_FUNCTION ||
	    !function->is_known)
		return false;
	*out = (struct hone_handed){.callee = (uint32_t)function->constant};
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		enum given what = given[helper->calls][arg - 1];

		out->from[arg] = what == CONTEXT ? helper->context_arg : 0;
		out->value[arg] = what == CONTEXT
					  ? hone_value_handed(&reg[helper->context_arg], arg)
					  : value_given(code, &reg[helper->map_arg], what);
	}
	return true;
}

bool hone_call_handed(const struct hone_code *code, const struct hone_value *reg, uint32_t at,
		      struct hone_handed *out)
{
	const struct bpf_insn *insn = &code->insns[at];

	if (hone_insn_is_local_call(insn))
		return hand_local(code, reg, at, out);
	return hone_insn_is_helper_call(insn) &&
	       hand_callback(code, reg, hone_helper(insn->imm), out);
}

/* ---- memory ---- */

static struct hone_param helper_param(const struct hone_code *code, const struct hone_value *reg,
				      const struct hone_helper *helper, int arg)
{
	struct hone_param param = {.touched = nothing};
	struct hone_memory memory;

	if (arg > helper->n_args)
		return param;
	memory = hone_call_memory(code, reg, helper, arg);
	if (memory.is_none)
		return param;
	param.touched.to = memory.bytes && memory.bytes < HONE_STACK_BYTES ? (int32_t)memory.bytes
									   : HONE_STACK_BYTES;
	if (memory.is_written)
		param.written = param.touched;
	param.is_kept = helper->is_kfunc && helper->returns_pointer && memory.is_written;
	return param;
}

struct hone_param hone_call_param(const struct hone_code *code, const struct hone_kinds *kinds,
				  const struct hone_value *reg, uint32_t at, int arg)
{
	struct hone_handed handed;

	if (hone_call_handed(code, reg, at, &handed))
		for (int to = BPF_REG_1; to <= BPF_REG_5; to++)
			if (handed.from[to] == arg)
				return kinds->functions[handed.callee].param[to];
	if (!hone_insn_is_kernel_call(&code->insns[at]))
		return (struct hone_param){.touched = nothing};
	return helper_param(code, reg, hone_callee(code, at), arg);
}

struct hone_reach hone_reach_in_frame(const struct hone_value *address,
				      const struct hone_reach *reach)
{
	struct hone_reach in = {-HONE_STACK_BYTES, 0};
	int64_t last = address->constant + address->spread;

	if (hone_reach_is_empty(reach))
		return nothing;
	if ((!address->is_known && !address->is_bounded) || address->constant < -HONE_STACK_BYTES ||
	    address->constant > 0)
		return in;
	if (address->constant + reach->from > in.from)
		in.from = (int32_t)address->constant + reach->from;
	if (last + reach->to < in.to)
		in.to = (int32_t)last + reach->to;
	return in;
}
