// SPDX-License-Identifier: GPL-2.0-only
/* large_copy: 200 bytes of the packet go to the stack and back, shifted. */
#include "zoo.h"

SEC("xdp")
int large_copy(struct xdp_md *ctx)
{
	__u16 *data = DATA(ctx);
	__u64 copy[25], *to;

	if (data + 107 > (__u16 *)DATA_END(ctx))
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 25; i++)
		copy[i] = ((__u64 *)data)[i];
	to = (__u64 *)(data + 7);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 25; i++)
		to[i] = copy[24 - i];
	return data[30] & 1 ? XDP_TX : XDP_DROP;
}
