// SPDX-License-Identifier: GPL-2.0-only
/* stack_words_index: words of the frame at a masked index, next to spilled values which must not
 * move. */
#include "zoo.h"

MAP(ARRAY, totals, __u32, __u64, 16);

SEC("xdp")
int stack_words_index(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 words[8], *total, a, b;
	__u32 key;

	if (data + 72 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	for (int i = 0; i < 8; i++)
		words[i] = *(__u64 *)(data + 8 * i);
	a = words[data[30] & 7];
	words[data[31] & 7] = a * 3;
	b = words[data[32] & 7];
	key = data[33] & 15;
	total = bpf_map_lookup_elem(&totals, &key);
	if (!total)
		return XDP_ABORTED;
	*total += a ^ b ^ words[7];
	return *total & 1 ? XDP_TX : XDP_PASS;
}
