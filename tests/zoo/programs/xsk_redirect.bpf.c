// SPDX-License-Identifier: GPL-2.0-only
/* xsk_redirect: packets of one kind go to a socket: the map holds sockets, which nobody can
 * copy. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int xsk_redirect(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	return (int)bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_DROP);
}
