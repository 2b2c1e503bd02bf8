// SPDX-License-Identifier: Apache-2.0
/* func_info: which BTF function each function of a program is.
 *
 * When:    an image, or a copy with functions added (spy.c), is loaded. The verifier asks for it
 *          where a function's address is taken, and shows the names.
 * Does:    adds static functions to the unit's BTF, or to an empty one.
 * Not:     line_info; strings and types of the unit's BTF stay where they are, so that its lines
 *          go on meaning what they did. */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/load_program.h"

enum { FUNCTIONS_MAX = 4096, NONE = -1 };

struct making {
	const struct hone_unit *unit;
	const struct hone_image *image; /* NULL: the functions are the unit's own */
	struct btf *btf;
	int own_proto; /* type id of `int f(void *)`; 0: not made yet */
};

static bool names_function(const struct bpf_insn *insn)
{
	bool is_call = insn->code == (BPF_JMP | BPF_CALL);

	return insn->src_reg == (is_call ? BPF_PSEUDO_CALL : BPF_PSEUDO_FUNC) &&
	       (is_call || hone_insn_is_ld_imm64(insn));
}

/* is_start: [n_insns]. Returns how many functions there are. */
static uint32_t find_starts(const struct bpf_insn *insns, uint32_t n_insns, bool *is_start,
			    bool *takes_address)
{
	uint32_t n = 0;

	is_start[0] = true;
	for (uint32_t i = 0; i < n_insns; i++) {
		int64_t target = (int64_t)i + 1 + insns[i].imm;

		if (names_function(&insns[i]) && target >= 0 && target < n_insns) {
			is_start[target] = true;
			*takes_address |= hone_insn_is_ld_imm64(&insns[i]);
		}
		i += hone_insn_is_ld_imm64(&insns[i]);
	}
	for (uint32_t i = 0; i < n_insns; i++)
		n += is_start[i];
	return n;
}

uint32_t hone_func_info_count(const struct bpf_insn *insns, uint32_t n_insns)
{
	_cleanup_free_ bool *is_start = calloc(n_insns + 1, sizeof(*is_start));
	bool takes_address = false;

	return is_start ? find_starts(insns, n_insns, is_start, &takes_address) : 0;
}

/* ---- types ---- */

static int own_proto(struct making *m)
{
	int number, pointer;

	if (m->own_proto)
		return m->own_proto;
	number = btf__add_int(m->btf, "int", sizeof(int), BTF_INT_SIGNED);
	pointer = btf__add_ptr(m->btf, 0);
	m->own_proto = btf__add_func_proto(m->btf, number);
	if (number < 0 || pointer < 0 || m->own_proto < 0 ||
	    btf__add_func_param(m->btf, "argument", pointer))
		return -ENOMEM;
	return m->own_proto;
}

/* The unit's record of the function that starts at `insn`; its type. */
static const struct btf_type *type_of(const struct making *m, uint32_t insn, uint32_t *id)
{
	for (uint32_t i = 0; i < m->unit->n_func_info; i++) {
		const uint8_t *record =
			m->unit->func_info + (size_t)i * m->unit->func_info_rec_size;
		struct bpf_func_info info;
		const struct btf_type *type;

		memcpy(&info, record, sizeof(info));
		if (info.insn_off != insn)
			continue;
		type = btf__type_by_id(m->btf, info.type_id);
		*id = info.type_id;
		return type && btf_is_func(type) ? type : NULL;
	}
	return NULL;
}

/* The type id of a function, made where there is none to be used as it is. */
static int function_type(struct making *m, uint32_t insn, uint32_t origin)
{
	uint32_t id = 0;
	const struct btf_type *type = type_of(m, origin, &id);
	char name[64];
	int proto;

	if (type && (insn == 0 || !m->image || btf_vlen(type) == BTF_FUNC_STATIC))
		return (int)id;
	if (type) {
		snprintf(name, sizeof(name), "%s", btf__name_by_offset(m->btf, type->name_off));
		return btf__add_func(m->btf, name, BTF_FUNC_STATIC, (int)type->type);
	}
	proto = own_proto(m);
	snprintf(name, sizeof(name), "hone_function_%u", insn);
	return proto < 0 ? proto : btf__add_func(m->btf, name, BTF_FUNC_STATIC, proto);
}

/* ---- records ---- */

/* The first instruction of the unit's function that the one at `insn` is; UINT32_MAX: none. */
static uint32_t origin_of(const struct making *m, uint32_t insn)
{
	for (uint32_t i = 0; m->image && i < m->image->n_functions; i++)
		if (m->image->functions[i].insn == insn)
			return m->image->functions[i].origin;
	return m->image ? UINT32_MAX : insn;
}

static struct btf *open_btf(const struct hone_unit *unit)
{
	struct btf *btf = unit->btf_id && unit->n_func_info
				  ? btf__load_from_kernel_by_id(unit->btf_id)
				  : NULL;

	return btf ? btf : btf__new_empty();
}

static int fill(struct making *m, const bool *is_start, uint32_t n_insns,
		struct bpf_func_info *records)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_insns; i++) {
		int type;

		if (!is_start[i])
			continue;
		type = function_type(m, i, origin_of(m, i));
		if (type < 0)
			return type;
		records[n++] = (struct bpf_func_info){.insn_off = i, .type_id = (uint32_t)type};
	}
	return 0;
}

uint32_t hone_func_info_size(const struct hone_unit *unit)
{
	return unit->n_func_info ? unit->func_info_rec_size : sizeof(struct bpf_func_info);
}

/* Of the unit's record size: what a later kernel adds to a record is zero. */
static int widen(const struct hone_unit *unit, const struct bpf_func_info *records,
		 struct hone_func_info *out)
{
	uint32_t size = hone_func_info_size(unit);

	out->records = size < sizeof(*records) ? NULL : calloc(out->n, size);
	if (!out->records)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->n; i++)
		memcpy((uint8_t *)out->records + (size_t)i * size, &records[i], sizeof(*records));
	return 0;
}

static int load_btf(struct btf *btf)
{
	int err = btf__load_into_kernel(btf);

	return err ? err : fcntl(btf__fd(btf), F_DUPFD_CLOEXEC, 0);
}

int hone_func_info_make(const struct hone_unit *unit, const struct bpf_insn *insns,
			uint32_t n_insns, const struct hone_image *image,
			struct hone_func_info *out)
{
	_cleanup_free_ bool *is_start = calloc(n_insns, sizeof(*is_start));
	struct bpf_func_info records[FUNCTIONS_MAX];
	struct making m = {.unit = unit, .image = image};
	bool takes_address = false;
	int err;

	*out = (struct hone_func_info){.btf_fd = NONE};
	if (!is_start)
		return -ENOMEM;
	out->n = find_starts(insns, n_insns, is_start, &takes_address);
	if (out->n > FUNCTIONS_MAX)
		return hone_log_err(-E2BIG, "%s: %u functions", unit->name, out->n);
	if (!takes_address && !unit->n_func_info)
		return 0;
	m.btf = open_btf(unit);
	if (!m.btf)
		return -ENOMEM;
	err = fill(&m, is_start, n_insns, records);
	err = err ? err : widen(unit, records, out);
	if (!err) {
		out->btf_fd = load_btf(m.btf);
		err = out->btf_fd < 0 ? out->btf_fd : 0;
	}
	btf__free(m.btf);
	if (err)
		hone_func_info_free(out);
	return err;
}

void hone_func_info_free(struct hone_func_info *info)
{
	if (info->btf_fd >= 0)
		close(info->btf_fd);
	free(info->records);
	*info = (struct hone_func_info){.btf_fd = NONE};
}
