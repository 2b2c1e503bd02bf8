// SPDX-License-Identifier: GPL-2.0-only
/* many_live_values: more live values than registers, across a call, with their 32-bit halves
 * used alone. */
#include "zoo.h"

MAP(ARRAY, words, __u32, __u64, 8);

SEC("xdp")
int many_live_values(struct xdp_md *ctx)
{
	__u64 *data = DATA(ctx), v[8], *word;
	__u32 low[8], key, sum = 0;

	if ((void *)(data + 8) > DATA_END(ctx))
		return XDP_DROP;
#pragma clang loop unroll(full)
	for (int i = 0; i < 8; i++) {
		v[i] = data[i] * (2 * (__u64)i + 3);
		low[i] = (__u32)(v[i] >> 7);
		OPAQUE(v[i]);
		OPAQUE(low[i]);
	}
	key = low[0] & 7;
	word = bpf_map_lookup_elem(&words, &key);
	if (!word)
		return XDP_ABORTED;
#pragma clang loop unroll(full)
	for (int i = 0; i < 8; i++) {
		*word ^= v[i];
		sum += low[i] ^ (__u32)v[7 - i];
	}
	return sum & 1 ? XDP_TX : XDP_PASS;
}
