// SPDX-License-Identifier: GPL-2.0-only
/* bloom_filter: the kernel's own bloom filter: a map without keys. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, __u32);
} seen SEC(".maps");

SEC("xdp")
int bloom_filter(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 address;

	if (!ip)
		return XDP_PASS;
	address = ip->saddr & bpf_htonl(0xfff);
	if (!bpf_map_peek_elem(&seen, &address))
		return XDP_DROP;
	return bpf_map_push_elem(&seen, &address, BPF_ANY) ? XDP_ABORTED : XDP_TX;
}
