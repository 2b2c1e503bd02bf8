// SPDX-License-Identifier: GPL-2.0-only
/* atomics_32: every 32-bit atomic, with and without its old value, which is zero-extended. */
#include "zoo.h"

struct pair {
	__u32 a, b;
};
MAP(ARRAY, pairs, __u32, struct pair, 4);

SEC("xdp")
int atomics_32(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx)), key = length & 3;
	struct pair *pair = bpf_map_lookup_elem(&pairs, &key);
	__u64 old;

	if (!pair)
		return XDP_ABORTED;
	__sync_fetch_and_add(&pair->a, length);
	old = __sync_fetch_and_add(&pair->b, 0x80000001);
	old += __sync_fetch_and_and(&pair->a, 0xfffff);
	old += __sync_fetch_and_or(&pair->b, length << 8);
	old += __sync_fetch_and_xor(&pair->a, (__u32)old);
	old += __sync_lock_test_and_set(&pair->b, (__u32)old);
	old += __sync_val_compare_and_swap(&pair->a, pair->b, length);
	return old >> 32 & 1 ? XDP_TX : old & 1 ? XDP_PASS : XDP_DROP;
}
