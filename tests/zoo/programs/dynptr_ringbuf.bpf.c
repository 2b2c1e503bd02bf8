// SPDX-License-Identifier: GPL-2.0-only
/* dynptr_ringbuf: memory of a ring buffer through a dynptr that lives on the stack. */
#include "zoo.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int dynptr_ringbuf(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx));
	struct bpf_dynptr event;
	int verdict = XDP_PASS;

	if (bpf_ringbuf_reserve_dynptr(&events, 16, 0, &event))
		verdict = XDP_TX;
	if (bpf_dynptr_write(&event, length & 15, &length, sizeof(length), 0))
		verdict = XDP_DROP;
	bpf_ringbuf_discard_dynptr(&event, 0);
	return verdict;
}
