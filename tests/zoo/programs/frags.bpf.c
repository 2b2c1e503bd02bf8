// SPDX-License-Identifier: GPL-2.0-only
/* frags: a program for packets in fragments: most of the packet is reached through helpers only. */
#include "zoo.h"

SEC("xdp.frags")
int frags(struct xdp_md *ctx)
{
	__u64 size = bpf_xdp_get_buff_len(ctx);
	__u8 bytes[8];

	if (bpf_xdp_load_bytes(ctx, size > 200 ? 190 : 6, bytes, sizeof(bytes)))
		return XDP_ABORTED;
	bytes[0] ^= bytes[7];
	if (bytes[1] & 1)
		return bpf_xdp_store_bytes(ctx, 6, bytes, 4) ? XDP_DROP : XDP_TX;
	return XDP_PASS;
}
