// SPDX-License-Identifier: GPL-2.0-only
/* division_by_packets: unsigned division and remainder by numbers of the packet, zero among
 * them. */
#include "zoo.h"

static __always_inline __u64 divide(__u64 a, __u64 b)
{
	asm volatile("%0 /= %1" : "+r"(a) : "r"(b));
	return a;
}

static __always_inline __u32 remainder(__u32 a, __u32 b)
{
	asm volatile("%0 %%= %1" : "+w"(a) : "w"(b));
	return a;
}

SEC("xdp")
int division_by_packets(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 quotient;
	__u32 rest;

	if (data + 40 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	quotient = divide(*(__u64 *)(data + 20), data[30] & 7);
	rest = remainder(*(__u32 *)(data + 30), data[31] & 3);
	*(__u64 *)data = quotient ^ rest;
	return quotient == 0 ? XDP_TX : rest & 1 ? XDP_PASS : XDP_DROP;
}
