// SPDX-License-Identifier: GPL-2.0-only
/* loop_with_limit: a loop that the verifier walks: a bound out of the packet, an early end, a
 * value carried along. */
#include "zoo.h"

SEC("xdp")
int loop_with_limit(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);
	__u32 sum = 0, n;

	if (data + 15 > end)
		return XDP_DROP;
	n = data[14] & 63;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < n; i++) {
		if (data + 15 + i > end)
			return XDP_ABORTED;
		sum = sum * 31 + data[14 + i];
		if ((sum & 15) == 7)
			break;
	}
	return sum & 1 ? XDP_TX : XDP_PASS;
}
