// SPDX-License-Identifier: GPL-2.0-only
/* gre_decap: an outer header and GRE with its optional words are taken off. */
#include "zoo.h"

struct gre {
	__be16 flags, type;
};

SEC("xdp")
int gre_decap(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct gre *gre = (void *)(ip + 1);
	struct ethhdr eth, *moved;
	int size = sizeof(*ip) + sizeof(*gre);

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_GRE || (void *)(gre + 1) > end)
		return XDP_PASS;
	if (gre->flags & bpf_htons(0x8000))
		size += 4;
	if (gre->flags & bpf_htons(0x2000))
		size += 4;
	eth = *(struct ethhdr *)DATA(ctx);
	eth.h_proto = gre->type;
	if (bpf_xdp_adjust_head(ctx, size))
		return XDP_DROP;
	moved = DATA(ctx);
	if ((void *)(moved + 1) > DATA_END(ctx))
		return XDP_ABORTED;
	*moved = eth;
	return eth.h_proto == bpf_htons(ETH_P_IP) ? XDP_TX : XDP_PASS;
}
