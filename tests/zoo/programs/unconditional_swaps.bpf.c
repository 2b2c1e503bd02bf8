// SPDX-License-Identifier: GPL-2.0-only
/* unconditional_swaps: bswap of 16, 32 and 64 bits, and the older conditional ones beside. */
#include "zoo.h"

SEC("xdp")
int unconditional_swaps(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 a, b, c, d;

	if (data + 48 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	a = b = c = d = *(__u64 *)(data + 24);
	asm volatile("%0 = bswap16 %0" : "+r"(a));
	asm volatile("%0 = bswap32 %0" : "+r"(b));
	asm volatile("%0 = bswap64 %0" : "+r"(c));
	asm volatile("%0 = be32 %0\n\t%0 = le16 %0" : "+r"(d));
	*(__u64 *)data = a ^ b ^ c ^ d;
	return (a + b + c + d) & 1 ? XDP_TX : XDP_PASS;
}
