// SPDX-License-Identifier: GPL-2.0-only
/* tail_call_in_subprogram: a function that may never come back: it calls another program, with
 * 256 bytes of stack at most. */
#include "zoo.h"

int other(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} programs SEC(".maps") = {.values = {(void *)&other}};

SEC("xdp")
int other(struct xdp_md *ctx)
{
	return (DATA_END(ctx) - DATA(ctx)) & 2 ? XDP_TX : XDP_DROP;
}

static __noinline int leave(struct xdp_md *ctx, __u32 which)
{
	bpf_tail_call(ctx, &programs, which);
	return XDP_PASS;
}

SEC("xdp")
int tail_call_in_subprogram(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx));

	return length < 60 ? XDP_ABORTED : leave(ctx, length & 1);
}
