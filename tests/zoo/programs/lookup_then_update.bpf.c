// SPDX-License-Identifier: GPL-2.0-only
/* lookup_then_update: an entry is read, the map is changed, and the old pointer is used again. */
#include "zoo.h"

struct entry {
	__u64 count;
	__u32 limit;
};
MAP(HASH, entries, __u8, struct entry, 256);

SEC("xdp")
int lookup_then_update(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct entry *entry, next = {.limit = 3};
	__u8 key, other;

	if (!ip)
		return XDP_PASS;
	key = (__u8)ip->saddr;
	other = (__u8)ip->daddr;
	entry = bpf_map_lookup_elem(&entries, &key);
	if (!entry)
		return bpf_map_update_elem(&entries, &key, &next, BPF_NOEXIST) ? XDP_ABORTED
									       : XDP_DROP;
	next.count = entry->count + 1;
	bpf_map_update_elem(&entries, &other, &next, BPF_EXIST);
	entry->count++;
	if (entry->count < 20)
		return XDP_PASS;
	bpf_map_delete_elem(&entries, &key);
	return XDP_TX;
}
