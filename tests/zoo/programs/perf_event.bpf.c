// SPDX-License-Identifier: GPL-2.0-only
/* perf_event: a sample of the packet itself goes to a perf buffer: its length is in the flags. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

SEC("xdp")
int perf_event(struct xdp_md *ctx)
{
	__u64 length = (__u64)(DATA_END(ctx) - DATA(ctx));
	struct {
		__u32 ifindex, length;
	} meta = {ctx->ingress_ifindex, (__u32)length};

	if (length > 200)
		length = 200;
	if (meta.length & 1)
		return XDP_PASS;
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU | length << 32, &meta, sizeof(meta));
	return meta.length > 500 ? XDP_TX : XDP_DROP;
}
