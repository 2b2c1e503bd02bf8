// SPDX-License-Identifier: GPL-2.0-only
/* percpu_hash: a per-CPU hash that the program itself fills and empties. */
#include "zoo.h"

MAP(PERCPU_HASH, seen, __u32, __u64, 512);

SEC("xdp")
int percpu_hash(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u64 one = 1, *count;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->saddr & bpf_htonl(0xff);
	count = bpf_map_lookup_elem(&seen, &key);
	if (!count)
		return bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST) ? XDP_ABORTED : XDP_TX;
	if (++*count < 5)
		return XDP_PASS;
	bpf_map_delete_elem(&seen, &key);
	return XDP_DROP;
}
