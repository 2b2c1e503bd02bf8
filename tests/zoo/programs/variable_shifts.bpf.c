// SPDX-License-Identifier: GPL-2.0-only
/* variable_shifts: shifts by registers, logical and arithmetic, 32 and 64 bits wide: the amount
 * is taken modulo the width. */
#include "zoo.h"

#define SHIFT(op, a, b)                                                                            \
	({                                                                                         \
		typeof(a) shifted_ = (a);                                                          \
		asm volatile("%0 " op " %1" : "+r"(shifted_) : "r"(b));                            \
		shifted_;                                                                          \
	})
#define SHIFT32(op, a, b)                                                                          \
	({                                                                                         \
		__u32 shifted_ = (a);                                                              \
		asm volatile("%0 " op " %1" : "+w"(shifted_) : "w"((__u32)(b)));                   \
		shifted_;                                                                          \
	})

SEC("xdp")
int variable_shifts(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 a, by, sum;
	__u32 b;

	if (data + 40 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	a = *(__u64 *)(data + 20);
	b = *(__u32 *)(data + 28);
	by = data[33] & 63;
	sum = SHIFT("<<=", a, by) ^ SHIFT(">>=", a, by) ^ SHIFT("s>>=", a, by);
	by &= 31;
	sum += SHIFT32("<<=", b, by) ^ SHIFT32(">>=", b, by) ^ SHIFT32("s>>=", b, by);
	*(__u64 *)data = sum;
	return sum & 1 ? XDP_TX : XDP_PASS;
}
