// SPDX-License-Identifier: GPL-2.0-only
/* lpm_routes: longest prefixes, with keys that begin with a length. */
#include "zoo.h"

struct prefix {
	__u32 length, address;
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

SEC("xdp")
int lpm_routes(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct prefix key = {.length = 32};
	__u32 *hop;

	if (!ip || ip->ttl <= 1)
		return XDP_PASS;
	key.address = ip->daddr;
	hop = bpf_map_lookup_elem(&routes, &key);
	if (!hop)
		return XDP_DROP;
	ip->ttl--;
	return *hop & 1 ? XDP_TX : XDP_PASS;
}
