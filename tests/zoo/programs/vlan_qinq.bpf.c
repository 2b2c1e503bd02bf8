// SPDX-License-Identifier: GPL-2.0-only
/* vlan_qinq: up to two tags in front of the type; then one is taken off. */
#include "zoo.h"

struct vlan {
	__be16 tag, type;
};

static __always_inline bool is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

SEC("xdp")
int vlan_qinq(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx), copy;
	struct vlan *vlan = (void *)(eth + 1);
	__be16 type;

	if ((void *)(vlan + 2) > DATA_END(ctx))
		return XDP_DROP;
	if (!is_vlan(eth->h_proto))
		return XDP_PASS;
	type = is_vlan(vlan->type) ? vlan[1].type : vlan->type;
	if (type == bpf_htons(ETH_P_IPV6))
		return XDP_ABORTED;
	copy = *eth;
	copy.h_proto = vlan->type;
	if (bpf_xdp_adjust_head(ctx, (int)sizeof(*vlan)))
		return XDP_DROP;
	eth = DATA(ctx);
	if ((void *)(eth + 1) > DATA_END(ctx))
		return XDP_DROP;
	*eth = copy;
	return XDP_TX;
}
