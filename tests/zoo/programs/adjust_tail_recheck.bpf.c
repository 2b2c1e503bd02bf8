// SPDX-License-Identifier: GPL-2.0-only
/* adjust_tail_recheck: the packet's end moves both ways; what lies behind the old end is read. */
#include "zoo.h"

SEC("xdp")
int adjust_tail_recheck(struct xdp_md *ctx)
{
	int length = (int)(DATA_END(ctx) - DATA(ctx));
	__u8 *data;

	if (length > 400) {
		if (bpf_xdp_adjust_tail(ctx, 400 - length))
			return XDP_ABORTED;
	} else if (length < 60) {
		if (bpf_xdp_adjust_tail(ctx, 60 - length))
			return XDP_ABORTED;
	}
	data = DATA(ctx);
	if (data + 60 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	data[59] ^= data[20];
	return data[30] & 1 ? XDP_TX : XDP_PASS;
}
