// SPDX-License-Identifier: GPL-2.0-only
/* key_in_packet: the key of a lookup is the packet itself: no copy on the stack. */
#include "zoo.h"

MAP(HASH, macs, struct { __u8 bytes[6]; }, __u32, 64);

SEC("xdp")
int key_in_packet(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);
	__u32 *value;

	if ((void *)(eth + 1) > DATA_END(ctx))
		return XDP_DROP;
	value = bpf_map_lookup_elem(&macs, eth->h_source);
	if (!value)
		value = bpf_map_lookup_elem(&macs, eth->h_dest);
	return value ? (*value & 1 ? XDP_DROP : XDP_TX) : XDP_PASS;
}
