// SPDX-License-Identifier: GPL-2.0-only
/* queue: a map without keys that hands out what was put in, in order. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, __u32);
} waiting SEC(".maps");

SEC("xdp")
int queue(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx)), first;

	if (length & 1)
		return bpf_map_push_elem(&waiting, &length, 0) ? XDP_DROP : XDP_PASS;
	if (bpf_map_pop_elem(&waiting, &first))
		return XDP_PASS;
	return first & 2 ? XDP_TX : XDP_PASS;
}
