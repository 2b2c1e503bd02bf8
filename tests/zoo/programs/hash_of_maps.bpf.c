// SPDX-License-Identifier: GPL-2.0-only
/* hash_of_maps: outer keys may be absent, and one inner map is counted in. */
#include "zoo.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} tcp_counts SEC(".maps"), udp_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 32);
	__type(key, __u32);
	__array(values, struct inner);
} by_protocol SEC(".maps") = {.values = {[IPPROTO_TCP] = &tcp_counts, [IPPROTO_UDP] = &udp_counts}};

SEC("xdp")
int hash_of_maps(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u64 *count;
	void *counts;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->protocol;
	counts = bpf_map_lookup_elem(&by_protocol, &key);
	if (!counts)
		return XDP_DROP;
	key = ip->tos & 3;
	count = bpf_map_lookup_elem(counts, &key);
	if (!count)
		return XDP_ABORTED;
	return ++*count & 1 ? XDP_TX : XDP_PASS;
}
