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

/* One more than the largest that the scalar can be; 0: not known. */
static inline uint64_t hone_value_below(const struct hone_value *value)
{
	return value->is_known ? (uint64_t)value->constant + 1 : value->below;
}

/* An address in the own frame, or in a caller's and nowhere else. */
static inline bool hone_value_is_frame(const struct hone_value *value)
{
	return value->kind == HONE_KIND_STACK ||
	       (hone_value_is_pointer(value) && value->frames && !value->maps && !value->sites);
}

/* ---- range.c ---- */

/* hone_range_alu() - `below` of what an ALU instruction makes of two scalars. */
uint64_t hone_range_alu(const struct bpf_insn *insn, const struct hone_value *dst,
			const struct hone_value *src);

/* hone_range_narrow() - what a conditional jump that is taken, or is not, says of its first
 * operand, a scalar. src: of the second. */
void hone_range_narrow(const struct bpf_insn *insn, bool is_taken, const struct hone_value *src,
		       struct hone_value *dst);

/* hone_range_join() - into, an address in a frame, becomes what either may be. */
void hone_range_join(struct hone_value *into, const struct hone_value *from);

/* hone_range_add() - into, an address in a frame, goes up by a scalar that is not known. */
void hone_range_add(struct hone_value *into, const struct hone_value *by);

/* The smallest power of two that is not smaller; 0 stays 0: what does not fit is not known. */
uint64_t hone_range_round_up(uint64_t below);

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
