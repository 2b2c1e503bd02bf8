// SPDX-License-Identifier: Apache-2.0
/* range: how large a number can be, and how far into a frame an address. For value.c and kinds.c.
 *
 * Only upper bounds of unsigned numbers, as masks, narrow loads and compares give them, so that
 * an access to an array in the frame does not count for all of it. Joins round bounds up to
 * powers of two: each can grow a few times only. */
#include "compiler/insn.h"
#include "compiler/value.h"

enum { SPREAD_MAX = 2 * HONE_STACK_BYTES };

static const uint64_t half = 1ull << 32, sum_max = 1ull << 62;

uint64_t hone_range_round_up(uint64_t below)
{
	uint64_t power = 1;

	if (below == 0 || below > 1ull << 63)
		return 0;
	while (power < below)
		power <<= 1;
	return power;
}

/* ---- arithmetic ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

static uint64_t below_and(uint64_t a, uint64_t b)
{
	return smaller(a, b);
}

static uint64_t below_or(uint64_t a, uint64_t b)
{
	return a && b ? hone_range_round_up(a > b ? a : b) : 0;
}

static uint64_t below_add(uint64_t a, uint64_t b)
{
	return a && b && a < sum_max && b < sum_max ? a + b - 1 : 0;
}

static uint64_t below_mul(uint64_t a, uint64_t b)
{
	uint64_t product;

	if (!a || !b || __builtin_mul_overflow(a - 1, b - 1, &product) || product >= sum_max)
		return 0;
	return product + 1;
}

/* By a constant. */
static uint64_t below_shift(uint64_t a, const struct hone_value *by, bool is_left,
			    unsigned int mask)
{
	unsigned int n = (unsigned int)by->constant & mask;

	if (!by->is_known)
		return 0;
	if (!is_left)
		return a || n ? ((a ? a - 1 : UINT64_MAX) >> n) + 1 : 0;
	return a && a - 1 < sum_max >> n ? ((a - 1) << n) + 1 : 0;
}

static uint64_t below_division(uint64_t a, const struct hone_value *by, bool is_rest)
{
	if (!by->is_known || by->constant <= 0)
		return 0;
	if (is_rest)
		return smaller(a, (uint64_t)by->constant);
	return a ? (a - 1) / (uint64_t)by->constant + 1 : 0;
}

uint64_t hone_range_alu(const struct bpf_insn *insn, const struct hone_value *dst,
			const struct hone_value *src)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	unsigned int mask = is_64 ? 63 : 31, op = BPF_OP(insn->code);
	uint64_t a = hone_value_below(dst), b = hone_value_below(src), below = 0;

	if (!is_64 && (!a || a > half)) /* the lower half of anything */
		a = half;
	if (!is_64 && (!b || b > half))
		b = half;
	if (op == BPF_MOV)
		below = insn->off ? 0 : b;
	else if (op == BPF_AND)
		below = below_and(a, b);
	else if (op == BPF_OR || op == BPF_XOR)
		below = below_or(a, b);
	else if (op == BPF_ADD)
		below = below_add(a, b);
	else if (op == BPF_MUL)
		below = below_mul(a, b);
	else if (op == BPF_LSH || op == BPF_RSH)
		below = below_shift(a, src, op == BPF_LSH, mask);
	else if ((op == BPF_DIV || op == BPF_MOD) && insn->off == 0)
		below = below_division(a, src, op == BPF_MOD);
	else if (op == BPF_END && insn->imm < 64)
		below = 1ull << insn->imm;
	return is_64 || (below && below <= half) ? below : half;
}

/* ---- jumps ---- */

/* The jump is one of: dst < n, dst <= n, as unsigned numbers; or says nothing. */
static bool is_upper_bound(unsigned int op, bool is_taken, bool *is_less)
{
	*is_less = op == BPF_JLT || op == BPF_JGE || op == BPF_JSLT || op == BPF_JSGE;
	if (is_taken)
		return op == BPF_JLT || op == BPF_JLE || op == BPF_JSLT || op == BPF_JSLE;
	return op == BPF_JGE || op == BPF_JGT || op == BPF_JSGE || op == BPF_JSGT;
}

void hone_range_narrow(const struct bpf_insn *insn, bool is_taken, const struct hone_value *src,
		       struct hone_value *dst)
{
	bool is_64 = hone_insn_class(insn) == BPF_JMP, is_less;
	unsigned int op = BPF_OP(insn->code);
	bool is_signed = op == BPF_JSLT || op == BPF_JSLE || op == BPF_JSGT || op == BPF_JSGE;
	uint64_t below = hone_value_below(dst), n = hone_value_below(src);
	/* of what is not larger the comparison is that of the whole, unsigned number */
	uint64_t plain = is_64 ? 1ull << 63 : is_signed ? 1ull << 31 : half;

	if (dst->kind != HONE_KIND_SCALAR || dst->is_known || src->kind != HONE_KIND_SCALAR ||
	    !is_upper_bound(op, is_taken, &is_less) || !n || n > 1ull << 31)
		return;
	if ((!is_64 || is_signed) && (!below || below > plain))
		return;
	n -= is_less;
	if (n > 0)
		dst->below = smaller(below, n);
}

/* ---- addresses ---- */

static int16_t lowest_base(const struct hone_value *value)
{
	return value->is_known ? (int16_t)value->constant : value->from;
}

static int16_t highest_base(const struct hone_value *value)
{
	return value->is_known ? (int16_t)value->constant : value->to;
}

static bool has_range(const struct hone_value *value)
{
	return (value->is_known || value->is_bounded) && value->constant >= -SPREAD_MAX &&
	       value->constant <= SPREAD_MAX;
}

static void forget_range(struct hone_value *value)
{
	value->is_known = value->is_bounded = false;
	value->constant = 0;
	value->spread = value->from = value->to = 0;
}

void hone_range_join(struct hone_value *into, const struct hone_value *from)
{
	struct hone_value joined = *into;
	int64_t low, high;

	if (into->is_known && from->is_known && into->constant == from->constant)
		return;
	if (!has_range(into) || !has_range(from)) {
		forget_range(into);
		return;
	}
	low = into->constant < from->constant ? into->constant : from->constant;
	high = into->constant + into->spread;
	if (from->constant + from->spread > high)
		high = from->constant + from->spread;
	joined.is_known = false;
	joined.is_bounded = true;
	joined.constant = low;
	if (low != into->constant || high != into->constant + into->spread)
		joined.spread = (int32_t)hone_range_round_up((uint64_t)(high - low));
	joined.from = lowest_base(from) < lowest_base(into) ? lowest_base(from) : lowest_base(into);
	joined.to =
		highest_base(from) > highest_base(into) ? highest_base(from) : highest_base(into);
	*into = joined;
	if (joined.spread > SPREAD_MAX)
		forget_range(into);
}

void hone_range_add(struct hone_value *into, const struct hone_value *by)
{
	struct hone_value moved = *into;

	if (!has_range(into) || !by->below || by->below > SPREAD_MAX) {
		forget_range(into);
		return;
	}
	moved.is_known = false;
	moved.is_bounded = true;
	moved.from = lowest_base(into);
	moved.to = highest_base(into);
	moved.spread = into->spread + (int32_t)by->below - 1;
	*into = moved;
	if (moved.spread > SPREAD_MAX)
		forget_range(into);
}
