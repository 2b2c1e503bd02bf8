// SPDX-License-Identifier: GPL-2.0-only
/* many_exits: each test has its own way out, with another verdict and a store before it. */
#include "zoo.h"

MAP(ARRAY, reasons, __u32, __u64, 8);

static __always_inline int leave(__u32 reason, int verdict)
{
	__u64 *count = bpf_map_lookup_elem(&reasons, &reason);

	if (count)
		++*count;
	return verdict;
}

SEC("xdp")
int many_exits(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return leave(0, XDP_PASS);
	if (ip->version != 4)
		return leave(1, XDP_ABORTED);
	if (ip->ihl < 5)
		return leave(2, XDP_DROP);
	if (ip->ttl < 2)
		return leave(3, XDP_PASS);
	if (ip->frag_off & bpf_htons(0x1fff))
		return leave(4, XDP_DROP);
	if (ip->protocol == IPPROTO_ICMP)
		return leave(5, XDP_TX);
	return leave(ip->tot_len & 1 ? 6 : 7, XDP_PASS);
}
