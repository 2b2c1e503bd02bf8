// SPDX-License-Identifier: GPL-2.0-only
/* variable_offset_read: the header behind IPv4 options: an offset from the packet, checked after
 * it is added. */
#include "zoo.h"

SEC("xdp")
int variable_offset_read(struct xdp_md *ctx)
{
	void *data = DATA(ctx), *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(data, end);
	struct ports *ports;

	if (!ip || ip->ihl < 5)
		return XDP_PASS;
	ports = (void *)ip + ip->ihl * 4;
	if ((void *)(ports + 1) > end)
		return XDP_DROP;
	return bpf_ntohs(ports->dest) & 1 ? XDP_TX : XDP_PASS;
}
