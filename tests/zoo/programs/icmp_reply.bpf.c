// SPDX-License-Identifier: GPL-2.0-only
/* icmp_reply: addresses change places, a type changes: words are read before they are
 * overwritten. */
#include "zoo.h"

struct icmp {
	__u8 type, code;
	__u16 check;
};

SEC("xdp")
int icmp_reply(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct icmp *icmp = (void *)(ip + 1);
	struct ethhdr *eth = DATA(ctx);
	__u8 address[6];
	__u32 saddr;

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_ICMP || (void *)(icmp + 1) > end)
		return XDP_PASS;
	if (icmp->type != 8 || icmp->code != 0)
		return XDP_DROP;
	__builtin_memcpy(address, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, address, 6);
	saddr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = saddr;
	icmp->type = 0;
	icmp->check = (__u16)(icmp->check + 8);
	return XDP_TX;
}
