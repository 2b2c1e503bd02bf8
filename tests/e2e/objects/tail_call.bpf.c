// SPDX-License-Identifier: GPL-2.0-only
/* A program that goes on in another where its owner put one: what hone refuses for now. Its lookup
 * alone would be worth an image. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int goes_on(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;

	if (bpf_map_lookup_elem(&blocked, &queue))
		return XDP_DROP;
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
