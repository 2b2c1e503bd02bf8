// SPDX-License-Identifier: GPL-2.0-only
/* cmpxchg_loop: a bounded retry loop around a compare-and-exchange on a map's value. */
#include "zoo.h"

MAP(ARRAY, maxima, __u32, __u64, 8);

SEC("xdp")
int cmpxchg_loop(struct xdp_md *ctx)
{
	__u64 length = (__u64)(DATA_END(ctx) - DATA(ctx)), *maximum, seen, was;
	__u32 key = length & 7;

	maximum = bpf_map_lookup_elem(&maxima, &key);
	if (!maximum)
		return XDP_ABORTED;
	seen = *maximum;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		if (seen >= length)
			return XDP_PASS;
		was = __sync_val_compare_and_swap(maximum, seen, length);
		if (was == seen)
			return XDP_TX;
		seen = was;
	}
	return XDP_DROP;
}
