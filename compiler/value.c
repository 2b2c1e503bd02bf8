// SPDX-License-Identifier: Apache-2.0
/* value: joins of, and arithmetic on, what registers may hold. Used by kinds.c for each path and
 * instruction. Knows nothing of stack, calls or control flow. */
#include "compiler/value.h"

#include "compiler/insn.h"

static bool equal(const struct hone_value *a, const struct hone_value *b)
{
	return a->kind == b->kind && a->is_known == b->is_known && a->other == b->other &&
	       a->constant == b->constant && a->below == b->below &&
	       a->is_bounded == b->is_bounded && a->spread == b->spread && a->from == b->from &&
	       a->to == b->to && a->frames == b->frames && a->maps == b->maps &&
	       a->sites == b->sites;
}

static void forget_constant(struct hone_value *value)
{
	value->is_known = value->is_bounded = false;
	value->constant = 0;
	value->spread = value->from = value->to = 0;
	value->below = 0;
}

/* Keep the constant only if both have it. */
static void meet_constant(struct hone_value *into, const struct hone_value *from)
{
	if (!from->is_known || into->constant != from->constant)
		forget_constant(into);
}

/* NULL belongs to every pointer; another scalar makes the value mixed. */
static bool is_pointer_or_null(const struct hone_value *value)
{
	return value->kind == HONE_KIND_POINTER || hone_value_is_null(value);
}

/* At least one is a pointer; the other may be a scalar. */
static struct hone_value join_pointers(const struct hone_value *a, const struct hone_value *b)
{
	struct hone_value joined = hone_value_is_pointer(a) ? *a : *b;

	if (hone_value_is_pointer(a) && hone_value_is_pointer(b)) {
		const struct hone_value *other = hone_value_is_pointer(a) ? b : a;

		if (hone_value_is_frame(&joined) && hone_value_is_frame(other))
			hone_range_join(&joined, other);
		else
			meet_constant(&joined, other);
		joined.maps |= b->maps;
		joined.sites |= b->sites;
		joined.frames |= b->frames;
		joined.other |= b->other;
	}
	joined.kind = is_pointer_or_null(a) && is_pointer_or_null(b) ? HONE_KIND_POINTER
								     : HONE_KIND_MIXED;
	return joined;
}

static bool is_scalar_or_pointer(const struct hone_value *value)
{
	return value->kind == HONE_KIND_SCALAR || hone_value_is_pointer(value);
}

static uint64_t join_below(const struct hone_value *a, const struct hone_value *b)
{
	uint64_t x = hone_value_below(a), y = hone_value_below(b);

	if (!x || !y)
		return 0;
	return x == y || y < x ? (a->is_known ? hone_range_round_up(x) : x)
			       : hone_range_round_up(y);
}

static struct hone_value join(const struct hone_value *a, const struct hone_value *b)
{
	struct hone_value joined = *a;

	if (b->kind == HONE_KIND_UNSET)
		return *a;
	if (a->kind == HONE_KIND_UNSET)
		return *b;
	if (is_scalar_or_pointer(a) && is_scalar_or_pointer(b) &&
	    (hone_value_is_pointer(a) || hone_value_is_pointer(b)))
		return join_pointers(a, b);
	if (a->kind != b->kind)
		return (struct hone_value){.kind = HONE_KIND_CONFLICT};
	if (a->kind == HONE_KIND_STACK)
		hone_range_join(&joined, b);
	else
		meet_constant(&joined, b);
	if (a->kind == HONE_KIND_SCALAR && !joined.is_known)
		joined.below = join_below(a, b);
	joined.maps |= b->maps;
	joined.other |= b->other;
	return joined;
}

bool hone_value_join(struct hone_value *into, const struct hone_value *from)
{
	struct hone_value joined = join(into, from);

	if (equal(into, &joined))
		return false;
	*into = joined;
	return true;
}

/* ---- arithmetic ---- */

static uint64_t shift_right_signed(uint64_t a, unsigned int by, bool is_64)
{
	return is_64 ? (uint64_t)((int64_t)a >> by) : (uint32_t)((int32_t)(uint32_t)a >> by);
}

static uint64_t extend(uint64_t a, int16_t bits)
{
	switch (bits) {
	case 8:
		return (uint64_t)(int64_t)(int8_t)a;
	case 16:
		return (uint64_t)(int64_t)(int16_t)a;
	case 32:
		return (uint64_t)(int64_t)(int32_t)a;
	default:
		return a;
	}
}

bool hone_value_fold(const struct bpf_insn *insn, int64_t a, int64_t b, int64_t *out)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	uint64_t x = is_64 ? (uint64_t)a : (uint32_t)a, y = is_64 ? (uint64_t)b : (uint32_t)b;
	unsigned int by = (unsigned int)y & (is_64 ? 63 : 31);

	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		x = extend(y, insn->off);
		break;
	case BPF_ADD:
		x += y;
		break;
	case BPF_SUB:
		x -= y;
		break;
	case BPF_MUL:
		x *= y;
		break;
	case BPF_OR:
		x |= y;
		break;
	case BPF_AND:
		x &= y;
		break;
	case BPF_XOR:
		x ^= y;
		break;
	case BPF_LSH:
		x <<= by;
		break;
	case BPF_RSH:
		x >>= by;
		break;
	case BPF_ARSH:
		x = shift_right_signed(x, by, is_64);
		break;
	case BPF_NEG:
		x = 0 - x;
		break;
	default:
		return false;
	}
	*out = (int64_t)(is_64 ? x : (uint32_t)x);
	return true;
}

bool hone_value_compare(const struct bpf_insn *insn, uint64_t a, uint64_t b)
{
	bool is_64 = hone_insn_class(insn) == BPF_JMP;
	int64_t x = is_64 ? (int64_t)a : (int32_t)(uint32_t)a;
	int64_t y = is_64 ? (int64_t)b : (int32_t)(uint32_t)b;

	if (!is_64) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSET:
		return a & b;
	case BPF_JSGT:
		return x > y;
	case BPF_JSGE:
		return x >= y;
	case BPF_JSLT:
		return x < y;
	default: /* BPF_JSLE: decode.c lets nothing else through */
		return x <= y;
	}
}

/* base moved by a scalar, forwards or backwards. */
static struct hone_value moved(const struct hone_value *base, const struct hone_value *by,
			       bool is_back)
{
	struct hone_value result = *base;
	uint64_t distance = (uint64_t)by->constant;

	if (!by->is_known && !is_back && hone_value_is_frame(base))
		hone_range_add(&result, by);
	else if (!by->is_known || (!base->is_known && !base->is_bounded))
		forget_constant(&result);
	else
		result.constant =
			(int64_t)((uint64_t)base->constant + (is_back ? 0 - distance : distance));
	return result;
}

static bool is_address(const struct hone_value *value)
{
	return hone_value_is_pointer(value) || value->kind == HONE_KIND_CTX ||
	       value->kind == HONE_KIND_STACK;
}

/* One operand is known to be a pointer or may be one; the verifier allows address + scalar,
 * scalar + address and address - scalar to stay addresses. */
static struct hone_value add(const struct hone_value *a, const struct hone_value *b)
{
	struct hone_value result;

	if (is_address(a) && b->kind == HONE_KIND_SCALAR)
		return moved(a, b, false);
	if (a->kind == HONE_KIND_SCALAR && is_address(b))
		return moved(b, a, false);
	if (!hone_value_is_pointer(a) || !hone_value_is_pointer(b))
		return hone_value_scalar();
	/* one of the two is a scalar whenever this runs */
	result = join_pointers(a, b);
	result.kind = HONE_KIND_MIXED;
	forget_constant(&result);
	return result;
}

static struct hone_value subtract(const struct hone_value *a, const struct hone_value *b)
{
	struct hone_value result;

	if (is_address(a) && b->kind == HONE_KIND_SCALAR)
		return moved(a, b, true);
	if (!hone_value_is_pointer(a) || b->kind != HONE_KIND_MIXED)
		return hone_value_scalar();
	result = *a; /* what b is decides whether this is a distance or an address */
	result.kind = HONE_KIND_MIXED;
	forget_constant(&result);
	return result;
}

/* A number of which only a bound is known. */
static struct hone_value ranged(const struct bpf_insn *insn, const struct hone_value *dst,
				const struct hone_value *src)
{
	struct hone_value result = hone_value_scalar();
	bool is_move = BPF_OP(insn->code) == BPF_MOV;

	if ((is_move || dst->kind == HONE_KIND_SCALAR) && src->kind == HONE_KIND_SCALAR)
		result.below = hone_range_alu(insn, dst, src);
	else if (hone_insn_class(insn) == BPF_ALU)
		result.below = 1ull << 32;
	return result;
}

struct hone_value hone_value_alu(const struct bpf_insn *insn, const struct hone_value *dst,
				 const struct hone_value *src)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	unsigned int op = BPF_OP(insn->code);
	bool both_scalar =
		src->kind == HONE_KIND_SCALAR && (op == BPF_MOV || dst->kind == HONE_KIND_SCALAR);
	int64_t constant;

	if (is_64 && op == BPF_MOV && insn->off == 0)
		return *src;
	if (is_64 && op == BPF_ADD && !both_scalar)
		return add(dst, src);
	if (is_64 && op == BPF_SUB && !both_scalar)
		return subtract(dst, src);
	if (both_scalar && src->is_known && (op == BPF_MOV || dst->is_known) &&
	    hone_value_fold(insn, dst->constant, src->constant, &constant))
		return hone_value_constant(constant);
	return ranged(insn, dst, src);
}
