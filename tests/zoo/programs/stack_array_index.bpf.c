// SPDX-License-Identifier: GPL-2.0-only
/* stack_array_index: an array on the stack, written and read at indices that the packet tells. */
#include "zoo.h"

SEC("xdp")
int stack_array_index(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), counts[64] = {};

	if (data + 80 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	for (int i = 0; i < 16; i++)
		counts[data[14 + i] & 63]++;
	if (counts[data[40] & 63] > 0)
		return XDP_TX;
	return counts[0] > 1 ? XDP_ABORTED : XDP_PASS;
}
