// SPDX-License-Identifier: GPL-2.0-only
/* array_of_maps: the inner map is a value of the outer; it is looked up in while nobody knows
 * which one it is. */
#include "zoo.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u8);
	__type(value, __u32);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} tenants SEC(".maps") = {.values = {&first, &second}};

SEC("xdp")
int array_of_maps(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 key, *value;
	void *rules;
	__u8 low;

	if (!ip)
		return XDP_PASS;
	key = ip->tos & 1;
	rules = bpf_map_lookup_elem(&tenants, &key);
	if (!rules)
		return XDP_ABORTED;
	low = (__u8)ip->saddr;
	value = bpf_map_lookup_elem(rules, &low);
	return value ? (*value & 1 ? XDP_DROP : XDP_TX) : XDP_PASS;
}
