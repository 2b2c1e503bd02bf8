// SPDX-License-Identifier: GPL-2.0-only
/* swap_load: an NF that drops the kinds of packets which it finds in a map, and which notes of
 * each numbered packet that it came, and to which copy of this program. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "tests/kernel/swap_load.h"

enum { TC_ACT_UNSPEC = -1, TC_ACT_SHOT = 2 };
enum { PAYLOAD_AT = 42, MAGIC = 0x206d6f72 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SWAP_LOAD_KINDS);
	__type(key, __u32);
	__type(value, __u32);
} rules SEC(".maps");

/* The last number that came for each slot; user space puts in number - SWAP_LOAD_SLOTS. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SWAP_LOAD_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct swap_load_counts);
} counts SEC(".maps");

/* tc: what came through, as the next filter sees it. (A socket would see it before tc does.) */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SWAP_LOAD_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} passed SEC(".maps");

enum verdict { PASSED, DROPPED, FAILED };

static __always_inline enum verdict judge(__u8 *data, __u8 *data_end)
{
	__u32 zero = 0, kind, slot, by = SWAP_LOAD_ORIGINAL;
	struct swap_load_counts *count;
	__u64 number, *last;
	bool drop;

	if (data + PAYLOAD_AT + 16 > data_end || *(__u32 *)(data + PAYLOAD_AT) != MAGIC)
		return PASSED; /* the kernel's own, such as neighbour discovery */
	number = *(__u64 *)(data + PAYLOAD_AT + 8);
	kind = number % SWAP_LOAD_KINDS;
	slot = number % SWAP_LOAD_SLOTS;
	drop = bpf_map_lookup_elem(&rules, &kind);

	count = bpf_map_lookup_elem(&counts, &zero);
	last = bpf_map_lookup_elem(&seen, &slot);
	if (!count || !last)
		return FAILED;
	if (*last + SWAP_LOAD_SLOTS != number)
		__sync_fetch_and_add(&count->duplicated, 1); /* or out of turn */
	*last = number;
	barrier_var(by); /* a number in the code, not a branch that is known */
	__sync_fetch_and_add(by == SWAP_LOAD_ORIGINAL ? &count->by_original
			     : by == SWAP_LOAD_IMAGE  ? &count->by_image
						      : &count->by_nobody,
			     1);
	__sync_fetch_and_add(&count->received, 1);
	return drop ? DROPPED : PASSED;
}

SEC("xdp")
int swap_load(struct xdp_md *ctx)
{
	enum verdict verdict = judge((void *)(long)ctx->data, (void *)(long)ctx->data_end);

	return verdict == PASSED ? XDP_PASS : verdict == DROPPED ? XDP_DROP : XDP_ABORTED;
}

/* What passes goes on to the next filter. */
SEC("tc")
int swap_load_tc(struct __sk_buff *skb)
{
	enum verdict verdict = judge((void *)(long)skb->data, (void *)(long)skb->data_end);

	return verdict == PASSED ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int swap_load_next(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__u64 *count;
	__u32 kind;

	if (data + PAYLOAD_AT + 16 > data_end || *(__u32 *)(data + PAYLOAD_AT) != MAGIC)
		return TC_ACT_UNSPEC;
	kind = *(__u64 *)(data + PAYLOAD_AT + 8) % SWAP_LOAD_KINDS;
	count = bpf_map_lookup_elem(&passed, &kind);
	if (count)
		__sync_fetch_and_add(count, 1);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
