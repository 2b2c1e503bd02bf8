// SPDX-License-Identifier: GPL-2.0-only
/* spin_lock: two fields of a value that change together, under its lock. */
#include "zoo.h"

struct entry {
	struct bpf_spin_lock lock;
	__u32 packets;
	__u64 bytes;
};
MAP(HASH, entries, __u8, struct entry, 256);

SEC("xdp")
int spin_lock(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct entry *entry;
	__u32 packets;
	__u8 key;

	if (!ip)
		return XDP_PASS;
	key = (__u8)ip->daddr;
	entry = bpf_map_lookup_elem(&entries, &key);
	if (!entry)
		return XDP_DROP;
	bpf_spin_lock(&entry->lock);
	packets = ++entry->packets;
	entry->bytes += bpf_ntohs(ip->tot_len);
	bpf_spin_unlock(&entry->lock);
	return packets & 1 ? XDP_TX : XDP_PASS;
}
