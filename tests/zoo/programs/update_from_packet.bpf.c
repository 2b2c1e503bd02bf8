// SPDX-License-Identifier: GPL-2.0-only
/* update_from_packet: a map is filled from the packet's own bytes: key and value are pointers
 * into it. */
#include "zoo.h"

MAP(HASH, last_seen, __u8, __u64, 256);

SEC("xdp")
int update_from_packet(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 *last;

	if (data + 40 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	last = bpf_map_lookup_elem(&last_seen, data + 29);
	if (last && *last == *(__u64 *)(data + 26))
		return XDP_TX;
	bpf_map_update_elem(&last_seen, data + 29, data + 26, BPF_ANY);
	return XDP_PASS;
}
