// SPDX-License-Identifier: GPL-2.0-only
/* token_bucket: a rate per source: the clock fills the bucket, a compare-and-exchange takes from
 * it. */
#include "zoo.h"

struct bucket {
	__u64 tokens, last;
};
MAP(HASH, buckets, __u32, struct bucket, 64);

SEC("xdp")
int token_bucket(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u64 now = bpf_ktime_get_ns(), tokens;
	struct bucket *bucket;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->saddr;
	bucket = bpf_map_lookup_elem(&buckets, &key);
	if (!bucket)
		return XDP_DROP;
	tokens = bucket->tokens + (now - bucket->last) / 1000000000;
	bucket->last = now;
	if (tokens == 0)
		return XDP_TX;
	return __sync_val_compare_and_swap(&bucket->tokens, bucket->tokens, tokens - 1) ? XDP_PASS
											: XDP_DROP;
}
