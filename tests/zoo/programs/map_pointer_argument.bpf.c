// SPDX-License-Identifier: GPL-2.0-only
/* map_pointer_argument: a map's address is an argument of a function that is called with two
 * maps. */
#include "zoo.h"

MAP(HASH, sources, __u8, __u32, 256);
MAP(HASH, targets, __u8, __u32, 256);

static __noinline __u32 ask(void *map, __u8 key)
{
	__u32 *value = bpf_map_lookup_elem(map, &key);

	return value ? *value : 9;
}

SEC("xdp")
int map_pointer_argument(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return XDP_PASS;
	return ask(&sources, (__u8)ip->saddr) > ask(&targets, (__u8)ip->daddr) ? XDP_DROP : XDP_TX;
}
