// SPDX-License-Identifier: GPL-2.0-only
/* checksum_helper: bpf_csum_diff() over memory of the packet and of the stack, whose lengths are
 * arguments. */
#include "zoo.h"

SEC("xdp")
int checksum_helper(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__be32 was[2], is[2];
	__s64 sum;

	if (!ip)
		return XDP_PASS;
	was[0] = ip->saddr;
	was[1] = ip->daddr;
	is[0] = bpf_htonl(0x0a000001);
	is[1] = ip->saddr ^ 0xffff;
	sum = bpf_csum_diff(was, sizeof(was), is, sizeof(is), ~ip->check & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16)~sum;
	ip->saddr = is[0];
	ip->daddr = is[1];
	return bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0) & 1 ? XDP_TX : XDP_DROP;
}
