// SPDX-License-Identifier: GPL-2.0-only
/* rule_bits: flags and a counter in one word of a per-CPU value, which the program itself
 * changes. */
#include "zoo.h"

MAP(PERCPU_HASH, rules, __u32, __u64, 64);

SEC("xdp")
int rule_bits(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u64 *rule;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->saddr;
	rule = bpf_map_lookup_elem(&rules, &key);
	if (rule && *rule & 1) {
		*rule += 1 << 6;
		return XDP_DROP;
	}
	key = ip->daddr;
	rule = bpf_map_lookup_elem(&rules, &key);
	if (rule && *rule & 2) {
		*rule += 1 << 6;
		return XDP_TX;
	}
	return XDP_PASS;
}
