/* SPDX-License-Identifier: Apache-2.0 */
/* value: what one register may hold, as sets and constants; the arithmetic of kinds.c. */
#ifndef HONE_VALUE_H
#define HONE_VALUE_H

#include "compiler/analysis.h"

static inline struct hone_value hone_value_scalar(void)
{
	return (struct hone_value){.kind = HONE_KIND_SCALAR};
}

static inline struct hone_value hone_value_constant(int64_t constant)
{
	return (struct hone_value){
		.kind = HONE_KIND_SCALAR, .is_known = true, .constant = constant};
}

/* A pointer into the unit's maps, or elsewhere. */
static inline bool hone_value_is_pointer(const struct hone_value *value)
{
	return value->kind == HONE_KIND_POINTER || value->kind == HONE_KIND_MIXED;
}

static inline bool hone_value_is_null(const struct hone_value *value)
{
	return value->kind == HONE_KIND_SCALAR && value->is_known && value->constant == 0;
}

/* Of this site and nothing else. */
static inline bool hone_value_is_of_site(const struct hone_value *value, uint32_t site)
{
	return value->sites == 1ull << site && !value->other && !value->frames;
}

/* hone_value_join() - into becomes what either may be. Returns whether that changed it. Each
 * value can change only finitely often. */
bool hone_value_join(struct hone_value *into, const struct hone_value *from);

/* hone_value_alu() - result of an ALU instruction. src: of the second operand, register or
 * immediate. */
struct hone_value hone_value_alu(const struct bpf_insn *insn, const struct hone_value *dst,
				 const struct hone_value *src);

/* hone_value_fold() - op on constants, as the machine does it. Returns false where it is not
 * worth knowing (division, byte swaps). */
bool hone_value_fold(const struct bpf_insn *insn, int64_t a, int64_t b, int64_t *out);

/* hone_value_compare() - would a conditional jump be taken? */
bool hone_value_compare(const struct bpf_insn *insn, uint64_t a, uint64_t b);

#endif
