// SPDX-License-Identifier: GPL-2.0-only
/* compare: do two maps hold the same, as seen from this CPU? Run by BPF_PROG_TEST_RUN.
 *
 * A first look for maps with many entries: some 10 ns per entry where bpf(2) takes 500. User
 * space puts two real maps and their value size in. Returns 2 (XDP_PASS) if all keys of a have
 * the same values in b; that b holds no more keys is asked with the maps swapped. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

/* Replaced before loading: any hash or array type without recency. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 8);
} a SEC(".maps"), b SEC(".maps");

const volatile __u32 n_words = 1; /* of a value, whole ones */
const volatile __u32 n_tail = 0;  /* bytes behind them */

struct result {
	__u64 n_seen;
	__u32 is_different;
};

static long visit(struct bpf_map *map, const void *key, const void *value, struct result *result)
{
	const void *other = bpf_map_lookup_elem(&b, key);

	(void)map;
	result->n_seen++;
	result->is_different = 1;
	if (!other)
		return 1;
	for (__u32 i = 0; i < n_words; i++)
		if (((const __u64 *)value)[i] != ((const __u64 *)other)[i])
			return 1;
	for (__u32 i = 0; i < n_tail; i++)
		if (((const __u8 *)value)[n_words * 8 + i] !=
		    ((const __u8 *)other)[n_words * 8 + i])
			return 1;
	result->is_different = 0;
	return 0;
}

SEC("xdp")
int compare(struct xdp_md *ctx)
{
	struct result result = {};

	(void)ctx;
	if (bpf_for_each_map_elem(&a, visit, &result, 0) < 0)
		return XDP_ABORTED;
	return result.is_different ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
