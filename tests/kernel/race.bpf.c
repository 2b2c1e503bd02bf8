// SPDX-License-Identifier: GPL-2.0-only
/* race: what an image does, and how one would notice that it decided by old state. The map holds
 * a number that only grows, so a packet that sees less than an earlier look did was misjudged. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "runtime/bpf/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hone_guard);
} guard SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} number SEC(".maps");

/* The image: what it holds of the number, and for which epoch. */
volatile __u64 folded, expected;
volatile __u64 n_packets, n_by_image, n_stale;
const volatile __u32 slot;

static long judge(__u32 i, void *arg)
{
	__u32 zero = 0;
	volatile __u64 *now = bpf_map_lookup_elem(&number, &zero);
	struct hone_guard *epochs = bpf_map_lookup_elem(&guard, &zero);
	__u64 seen, decided;

	(void)i;
	(void)arg;
	if (!now || !epochs)
		return 1;
	seen = *now;
	if (*(volatile __u64 *)&epochs->slots[slot % HONE_SLOT_N].begin == expected) {
		decided = folded;
		n_by_image++;
	} else {
		decided = *now;
	}
	n_packets++;
	if (decided < seen)
		n_stale++;
	return 0;
}

SEC("xdp")
int packets(struct xdp_md *ctx)
{
	(void)ctx;
	bpf_loop(200, judge, NULL, 0);
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
