// SPDX-License-Identifier: GPL-2.0-only
/* tail_calls_33_deep: as many tail calls in a row as the kernel grants: one more program in the
 * chain changes what the last one does. */
#include "zoo.h"

int deeper(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} next SEC(".maps") = {.values = {(void *)&deeper}};
MAP(PERCPU_ARRAY, depths, __u32, __u32, 1);

SEC("xdp")
int deeper(struct xdp_md *ctx)
{
	__u32 zero = 0, *depth = bpf_map_lookup_elem(&depths, &zero);

	if (!depth)
		return XDP_ABORTED;
	++*depth;
	bpf_tail_call(ctx, &next, 0);
	return *depth == 33 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int tail_calls_33_deep(struct xdp_md *ctx)
{
	__u32 zero = 0, *depth = bpf_map_lookup_elem(&depths, &zero);

	if (!depth || DATA(ctx) + 60 > DATA_END(ctx))
		return XDP_TX;
	*depth = 0;
	bpf_tail_call(ctx, &next, 0);
	return XDP_ABORTED;
}
