// SPDX-License-Identifier: GPL-2.0-only
/* ipip_encap: a load balancer's way out: a new outer header with its checksum. */
#include "zoo.h"

MAP(HASH, reals, __u32, __u32, 64);

SEC("xdp")
int ipip_encap(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx)), *outer;
	struct ethhdr eth, *moved;
	__u32 key, *real, sum = 0;
	__u16 length;

	if (!ip)
		return XDP_PASS;
	eth = *(struct ethhdr *)((void *)ip - sizeof(eth));
	length = bpf_ntohs(ip->tot_len) + (__u16)sizeof(*ip);
	key = ip->daddr;
	real = bpf_map_lookup_elem(&reals, &key);
	if (!real)
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return XDP_ABORTED;
	moved = DATA(ctx);
	outer = (void *)(moved + 1);
	if ((void *)(outer + 1) > DATA_END(ctx))
		return XDP_ABORTED;
	*moved = eth;
	*outer = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_IPIP};
	outer->tot_len = bpf_htons(length);
	outer->saddr = bpf_htonl(0x0a0000fe);
	outer->daddr = *real;
#pragma clang loop unroll(full)
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)outer)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	outer->check = (__u16) ~(sum + (sum >> 16));
	return XDP_TX;
}
