// SPDX-License-Identifier: GPL-2.0-only
/* unrolled_100_rules: a firewall's loop over 100 rules, unrolled by its author: a hundred
 * lookups with constant keys. */
#include "zoo.h"

struct rule {
	__u32 address, mask, action, used;
};
MAP(ARRAY, rules, __u32, struct rule, 100);

SEC("xdp")
int unrolled_100_rules(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return XDP_PASS;
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < 100; i++) {
		__u32 key = i;
		struct rule *rule = bpf_map_lookup_elem(&rules, &key);

		if (!rule || rule->used < 2)
			continue;
		if (((ip->saddr ^ rule->address) & 7 & rule->mask) == 7)
			return (int)(rule->action & 3);
	}
	return XDP_PASS;
}
