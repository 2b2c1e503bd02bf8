// SPDX-License-Identifier: GPL-2.0-only
/* ringbuf_event: a record reserved in a ring buffer, written field by field, submitted or
 * discarded. */
#include "zoo.h"

struct event {
	__u64 length;
	__u32 source, kind;
};
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int ringbuf_event(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct event *event;

	if (!ip)
		return XDP_PASS;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return XDP_DROP;
	event->length = (__u64)(DATA_END(ctx) - DATA(ctx));
	event->source = ip->saddr;
	event->kind = ip->protocol;
	if (ip->protocol != IPPROTO_ICMP) {
		bpf_ringbuf_discard(event, 0);
		return XDP_TX;
	}
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
}
