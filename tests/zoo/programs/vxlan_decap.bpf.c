// SPDX-License-Identifier: GPL-2.0-only
/* vxlan_decap: the inner frame replaces the outer one if its network is known. */
#include "zoo.h"

struct vxlan {
	__be32 flags, network;
};
MAP(HASH, networks, __u8, __u32, 256);

SEC("xdp")
int vxlan_decap(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct udphdr *udp = (void *)(ip + 1);
	struct vxlan *vxlan = (void *)(udp + 1);
	__u32 *verdict;
	__u8 network;

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (void *)(vxlan + 1) > end)
		return XDP_PASS;
	if (udp->dest != bpf_htons(4789) || !(vxlan->flags & bpf_htonl(1 << 27)))
		return XDP_TX;
	network = (__u8)(bpf_ntohl(vxlan->network) >> 8);
	verdict = bpf_map_lookup_elem(&networks, &network);
	if (!verdict)
		return XDP_DROP;
	return bpf_xdp_adjust_head(ctx, (int)(sizeof(*ip) + sizeof(*udp) + sizeof(*vxlan) + 14))
		       ? XDP_ABORTED
		       : (int)(*verdict & 3);
}
