// SPDX-License-Identifier: GPL-2.0-only
/* functions_in_a_row: functions that call functions, eight frames deep, each with an argument
 * changed. */
#include "zoo.h"

#define FUNCTION(n, next)                                                                          \
	static __noinline __u64 f##n(__u64 a, __u64 b)                                             \
	{                                                                                          \
		return a & 1 ? next(a >> 1, b * 3 + n) : next(a >> 1, b ^ n) + 1;                  \
	}

static __noinline __u64 f0(__u64 a, __u64 b)
{
	return a * b;
}
FUNCTION(1, f0)
FUNCTION(2, f1)
FUNCTION(3, f2)
FUNCTION(4, f3)
FUNCTION(5, f4)
FUNCTION(6, f5)

SEC("xdp")
int functions_in_a_row(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);

	if (data + 34 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	return f6(*(__u32 *)(data + 26), data[30]) & 2 ? XDP_TX : XDP_PASS;
}
