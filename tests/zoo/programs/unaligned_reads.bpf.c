// SPDX-License-Identifier: GPL-2.0-only
/* unaligned_reads: words at odd offsets: each must stay one access of its width. */
#include "zoo.h"

SEC("xdp")
int unaligned_reads(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 a;
	__u32 b;
	__u16 c;

	if (data + 40 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	a = *(__u64 *)(data + 1);
	b = *(__u32 *)(data + 15);
	c = *(__u16 *)(data + 27);
	*(__u64 *)(data + 31) = a + b;
	*(__u32 *)(data + 3) = b ^ c;
	return (a ^ b ^ c) & 1 ? XDP_TX : XDP_PASS;
}
