// SPDX-License-Identifier: GPL-2.0-only
/* null_or_pointer_merge: one pointer that is NULL, or of either of two maps, and tested once,
 * after the paths have met. */
#include "zoo.h"

MAP(HASH, sources, __u32, __u32, 64);
MAP(HASH, targets, __u32, __u32, 64);

SEC("xdp")
int null_or_pointer_merge(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 *value = NULL, key;

	if (ip) {
		key = ip->saddr;
		value = bpf_map_lookup_elem(&sources, &key);
		if (!value && ip->protocol == IPPROTO_UDP) {
			key = ip->daddr;
			value = bpf_map_lookup_elem(&targets, &key);
		}
	}
	if (!value)
		return XDP_PASS;
	return *value > 3 ? XDP_DROP : XDP_TX;
}
