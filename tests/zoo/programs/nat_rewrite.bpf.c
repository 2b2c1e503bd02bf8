// SPDX-License-Identifier: GPL-2.0-only
/* nat_rewrite: address and port of a flow are replaced, both checksums are put right
 * incrementally. */
#include "zoo.h"

struct target {
	__u32 address, port;
};
MAP(HASH, targets, __u32, struct target, 64);

static __always_inline void adjust(__u16 *check, __u32 was, __u32 is)
{
	__u32 sum = (__u16) ~*check + (__u32)(__u16) ~(was & 0xffff) + (__u16) ~(was >> 16);

	sum += (is & 0xffff) + (is >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*check = (__u16) ~(sum + (sum >> 16));
}

SEC("xdp")
int nat_rewrite(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct udphdr *udp = (void *)(ip + 1);
	struct target *target;
	__u32 key, port;

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (void *)(udp + 1) > end)
		return XDP_PASS;
	key = ip->daddr;
	target = bpf_map_lookup_elem(&targets, &key);
	if (!target)
		return XDP_DROP;
	port = udp->dest;
	if (target->port) {
		udp->dest = bpf_htons((__u16)target->port);
		if (udp->check)
			adjust(&udp->check, port, udp->dest);
	}
	adjust(&ip->check, ip->daddr, target->address);
	ip->daddr = target->address;
	return XDP_TX;
}
