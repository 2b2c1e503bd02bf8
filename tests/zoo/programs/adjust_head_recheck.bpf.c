// SPDX-License-Identifier: GPL-2.0-only
/* adjust_head_recheck: all packet pointers are void after bpf_xdp_adjust_head(), and found
 * again. */
#include "zoo.h"

struct outer {
	struct ethhdr eth;
	struct iphdr ip;
};

SEC("xdp")
int adjust_head_recheck(struct xdp_md *ctx)
{
	struct iphdr *inner = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct ethhdr eth;
	struct outer *outer;
	__u16 length;

	if (!inner)
		return XDP_PASS;
	eth = *(struct ethhdr *)DATA(ctx);
	length = bpf_ntohs(inner->tot_len);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_ABORTED;
	outer = DATA(ctx);
	if ((void *)(outer + 1) > DATA_END(ctx))
		return XDP_DROP;
	outer->eth = eth;
	outer->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_IPIP};
	outer->ip.tot_len = bpf_htons(length + (__u16)sizeof(struct iphdr));
	return length & 1 ? XDP_TX : XDP_PASS;
}
