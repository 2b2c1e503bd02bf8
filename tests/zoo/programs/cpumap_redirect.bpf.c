// SPDX-License-Identifier: GPL-2.0-only
/* cpumap_redirect: packets are spread over CPUs by a hash of their addresses. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

SEC("xdp")
int cpumap_redirect(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 hash;

	if (!ip)
		return XDP_PASS;
	hash = (ip->saddr ^ ip->daddr) * 0x9e3779b1;
	return (int)bpf_redirect_map(&cpus, hash >> 30, hash & 1 ? XDP_DROP : XDP_PASS);
}
