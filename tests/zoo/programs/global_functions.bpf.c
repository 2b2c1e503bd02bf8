// SPDX-License-Identifier: GPL-2.0-only
/* global_functions: functions that the verifier checks on their own, with numbers and the
 * context as arguments. */
#include "zoo.h"

__noinline int mix(__u32 a, __u32 b, __u32 c)
{
	return (int)((a ^ b) * 31 + (c >> 3));
}

__noinline int first_byte(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);

	return data + 30 > (__u8 *)DATA_END(ctx) ? -1 : data[29];
}

SEC("xdp")
int global_functions(struct xdp_md *ctx)
{
	int byte = first_byte(ctx);

	if (byte < 0)
		return XDP_DROP;
	return mix((__u32)byte, (__u32)(DATA_END(ctx) - DATA(ctx)), ctx->rx_queue_index) & 1
		       ? XDP_TX
		       : XDP_PASS;
}
