// SPDX-License-Identifier: GPL-2.0-only
/* for_each_entry: a callback over all entries of a map, with pointers to the key, the value and
 * the caller's stack. */
#include "zoo.h"

struct search {
	__u32 wanted, best;
};
MAP(HASH, weights, __u32, __u32, 64);

static long visit(void *map, const __u32 *key, __u32 *value, struct search *search)
{
	(void)map;
	if ((*key & 7) == search->wanted && *value > search->best)
		search->best = *value;
	return 0;
}

SEC("xdp")
int for_each_entry(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	struct search search = {};

	if (data + 34 > (__u8 *)DATA_END(ctx))
		return XDP_PASS;
	search.wanted = data[26] & 7;
	bpf_for_each_map_elem(&weights, visit, &search, 0);
	return search.best > 3 ? XDP_TX : XDP_DROP;
}
