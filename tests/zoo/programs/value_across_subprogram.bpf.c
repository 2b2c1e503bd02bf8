// SPDX-License-Identifier: GPL-2.0-only
/* value_across_subprogram: a pointer to a map's value is an argument of a function and its
 * result. */
#include "zoo.h"

struct entry {
	__u64 packets;
	__u32 limit, action;
};
MAP(HASH, entries, __u32, struct entry, 64);

static __noinline struct entry *find(__u32 address)
{
	return bpf_map_lookup_elem(&entries, &address);
}

static __noinline int decide(struct entry *entry, __u32 size)
{
	entry->packets++;
	return size > 20 * entry->limit ? (int)(entry->action & 3) : XDP_PASS;
}

SEC("xdp")
int value_across_subprogram(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct entry *entry = ip ? find(ip->saddr) : NULL;

	return entry ? decide(entry, bpf_ntohs(ip->tot_len)) : XDP_PASS;
}
