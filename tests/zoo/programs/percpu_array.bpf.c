// SPDX-License-Identifier: GPL-2.0-only
/* percpu_array: counters of this CPU in a map that also holds settings. */
#include "zoo.h"

struct counters {
	__u64 packets, bytes;
	__u32 limit;
};
MAP(PERCPU_ARRAY, counters, __u32, struct counters, 256);

SEC("xdp")
int percpu_array(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct counters *counter;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->protocol;
	counter = bpf_map_lookup_elem(&counters, &key);
	if (!counter)
		return XDP_ABORTED;
	counter->packets++;
	counter->bytes += bpf_ntohs(ip->tot_len);
	return counter->limit > 4 ? XDP_DROP : XDP_PASS;
}
