// SPDX-License-Identifier: GPL-2.0-only
/* bloom_by_hand: a bloom filter in an array: three hashes, three words, single bits. */
#include "zoo.h"

MAP(ARRAY, bits, __u32, __u64, 64);

static __always_inline bool test_and_set(__u32 hash)
{
	__u32 key = hash >> 6 & 63;
	__u64 *word = bpf_map_lookup_elem(&bits, &key), bit = 1ull << (hash & 63);
	bool was;

	if (!word)
		return false;
	was = *word & bit;
	*word |= bit;
	return was;
}

SEC("xdp")
int bloom_by_hand(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 hash, n = 0;

	if (!ip)
		return XDP_PASS;
	hash = (ip->saddr ^ ip->daddr) * 0x9e3779b1;
	n += test_and_set(hash);
	n += test_and_set(hash >> 10);
	n += test_and_set(hash >> 20);
	return n == 3 ? XDP_DROP : n ? XDP_TX : XDP_PASS;
}
