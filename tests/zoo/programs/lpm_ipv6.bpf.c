// SPDX-License-Identifier: GPL-2.0-only
/* lpm_ipv6: 20 bytes of key, prefixes of addresses of 128 bits. */
#include "zoo.h"

struct prefix {
	__u32 length;
	struct in6_addr address;
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} routes SEC(".maps");

SEC("xdp")
int lpm_ipv6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = find_ipv6(DATA(ctx), DATA_END(ctx));
	struct prefix key = {.length = 128};
	__u64 *hop;

	if (!ip)
		return XDP_PASS;
	key.address = ip->daddr;
	hop = bpf_map_lookup_elem(&routes, &key);
	if (!hop)
		return XDP_DROP;
	return (__u32)*hop > 3 ? XDP_TX : XDP_PASS;
}
