// SPDX-License-Identifier: GPL-2.0-only
/* atomics_64: every 64-bit atomic, with and without its old value. */
#include "zoo.h"

MAP(ARRAY, words, __u32, __u64, 4);

SEC("xdp")
int atomics_64(struct xdp_md *ctx)
{
	__u64 length = (__u64)(DATA_END(ctx) - DATA(ctx)), *word, old;
	__u32 key = length & 3;

	word = bpf_map_lookup_elem(&words, &key);
	if (!word)
		return XDP_ABORTED;
	__sync_fetch_and_add(word, length);
	old = __sync_fetch_and_add(word, 3);
	old ^= __sync_fetch_and_and(word, 0xffffffffffull);
	old += __sync_fetch_and_or(word, length << 20);
	old ^= __sync_fetch_and_xor(word, old);
	old += __sync_lock_test_and_set(word, old >> 1);
	old += __sync_val_compare_and_swap(word, old, length);
	return old & 2 ? XDP_TX : XDP_PASS;
}
