// SPDX-License-Identifier: GPL-2.0-only
/* devmap_redirect: the port of the way out is looked up; what happens if there is none is in the
 * flags. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ways_out SEC(".maps");

SEC("xdp")
int devmap_redirect(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return XDP_PASS;
	return (int)bpf_redirect_map(&ways_out, ip->daddr & 3, ip->tos & 1 ? XDP_DROP : XDP_TX);
}
