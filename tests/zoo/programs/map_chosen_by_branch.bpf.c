// SPDX-License-Identifier: GPL-2.0-only
/* map_chosen_by_branch: one lookup that sees either of two maps. */
#include "zoo.h"

MAP(HASH, tcp_rules, __u32, __u32, 64);
MAP(HASH, udp_rules, __u32, __u32, 64);

SEC("xdp")
int map_chosen_by_branch(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 *value, key;
	void *map;

	if (!ip)
		return XDP_PASS;
	key = ip->daddr;
	map = ip->protocol == IPPROTO_TCP ? (void *)&tcp_rules : (void *)&udp_rules;
	OPAQUE(map);
	value = bpf_map_lookup_elem(map, &key);
	return value ? (*value & 1 ? XDP_DROP : XDP_TX) : XDP_PASS;
}
