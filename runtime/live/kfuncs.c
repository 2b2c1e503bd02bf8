// SPDX-License-Identifier: Apache-2.0
/* kfuncs: see the header. The names of parameters carry what types do not (Documentation/bpf/
 * kfuncs.rst): a length is called as the memory before it, with __sz or __szk behind. */
#include "runtime/live/kfuncs.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"

enum { ARGS_MAX = 5 };

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

static bool is_kernel_function(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL &&
	       insn->off == 0;
}

/* The type behind typedefs and qualifiers; was_const: whether one of those said so. */
static const struct btf_type *bare_type(const struct btf *btf, uint32_t id, bool *was_const)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	*was_const = false;
	while (type && (btf_is_mod(type) || btf_is_typedef(type))) {
		*was_const |= btf_is_const(type);
		type = btf__type_by_id(btf, type->type);
	}
	return type;
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

static bool is_length(const struct btf *btf, const struct btf_param *param)
{
	const char *name = btf__name_by_offset(btf, param->name_off);

	return name && (ends_in(name, "__sz") || ends_in(name, "__szk"));
}

static bool is_map(const struct btf *btf, const struct btf_param *param,
		   const struct btf_type *pointee)
{
	const char *name = btf__name_by_offset(btf, param->name_off);
	const char *type = pointee ? btf__name_by_offset(btf, pointee->name_off) : NULL;

	return (name && ends_in(name, "__map")) || (type && !strcmp(type, "bpf_map"));
}

static void describe_pointer(const struct btf *btf, const struct btf_param *param, uint32_t to,
			     struct hone_kfunc_arg *out)
{
	bool is_const;
	const struct btf_type *pointee = bare_type(btf, to, &is_const);
	int64_t size = to ? btf__resolve_size(btf, to) : 0;

	out->flags = HONE_KFUNC_POINTER;
	if (is_const)
		out->flags |= HONE_KFUNC_CONST;
	if (is_map(btf, param, pointee))
		out->flags |= HONE_KFUNC_MAP;
	if (pointee && btf_is_func_proto(pointee))
		out->flags |= HONE_KFUNC_FUNCTION;
	if (size > 0 && size <= UINT32_MAX)
		out->size = (uint32_t)size;
}

static void describe_argument(const struct btf *btf, const struct btf_param *params, uint32_t i,
			      uint32_t n, struct hone_kfunc_arg *out)
{
	bool is_const;
	const struct btf_type *type = bare_type(btf, params[i].type, &is_const);

	if (!type || !btf_is_ptr(type))
		return;
	describe_pointer(btf, &params[i], type->type, out);
	if (i + 1 < n && is_length(btf, &params[i + 1]))
		out->size_arg = i + 2;
}

/* false: no function of at most five arguments. */
static bool describe(const struct btf *btf, uint32_t id, struct hone_kfunc *out)
{
	const struct btf_type *function = btf__type_by_id(btf, id);
	const struct btf_type *proto, *result;
	bool is_const;

	if (!function || !btf_is_func(function))
		return false;
	proto = btf__type_by_id(btf, function->type);
	if (!proto || !btf_is_func_proto(proto) || btf_vlen(proto) > ARGS_MAX)
		return false;
	out->btf_id = id;
	snprintf(out->name, sizeof(out->name), "%s", btf__name_by_offset(btf, function->name_off));
	result = bare_type(btf, proto->type, &is_const);
	out->returns_pointer = result && btf_is_ptr(result);
	out->n_args = btf_vlen(proto);
	for (uint32_t i = 0; i < out->n_args; i++)
		describe_argument(btf, btf_params(proto), i, out->n_args, &out->args[i]);
	return true;
}

static bool is_described(const struct hone_unit *unit, uint32_t id)
{
	for (uint32_t i = 0; i < unit->n_kfuncs; i++)
		if (unit->kfuncs[i].btf_id == id)
			return true;
	return false;
}

static uint32_t count_calls(const struct hone_unit *unit)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < unit->n_insns; i++)
		n += is_kernel_function(&unit->insns[i]);
	return n;
}

int hone_kfuncs_describe(struct hone_unit *unit)
{
	_cleanup_(cleanup_btf) struct btf *btf = NULL;
	uint32_t n_calls = count_calls(unit);

	if (n_calls == 0)
		return 0;
	btf = btf__load_vmlinux_btf();
	if (!btf)
		return hone_log_err(-errno, "%s: cannot read the kernel's BTF", unit->name);
	unit->kfuncs = calloc(n_calls, sizeof(*unit->kfuncs));
	if (!unit->kfuncs)
		return -ENOMEM;
	for (uint32_t i = 0; i < unit->n_insns && unit->n_kfuncs < HONE_KFUNCS_MAX; i++) {
		uint32_t id = (uint32_t)unit->insns[i].imm;

		if (is_kernel_function(&unit->insns[i]) && !is_described(unit, id) &&
		    describe(btf, id, &unit->kfuncs[unit->n_kfuncs]))
			unit->n_kfuncs++;
	}
	return 0;
}
