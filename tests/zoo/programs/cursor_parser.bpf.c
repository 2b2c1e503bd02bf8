// SPDX-License-Identifier: GPL-2.0-only
/* cursor_parser: a parser that keeps its place in a structure, with an offset into the packet,
 * not a pointer. */
#include "zoo.h"

struct cursor {
	__u32 offset;
	__be16 next;
};

static __always_inline void *take(struct xdp_md *ctx, struct cursor *cursor, __u32 size)
{
	void *at = DATA(ctx) + cursor->offset;

	if (cursor->offset > 500 || at + size > DATA_END(ctx))
		return NULL;
	cursor->offset += size;
	return at;
}

SEC("xdp")
int cursor_parser(struct xdp_md *ctx)
{
	struct cursor cursor = {};
	struct ethhdr *eth = take(ctx, &cursor, sizeof(*eth));
	struct ports *ports;
	struct iphdr *ip;
	__be16 *tag;

	if (!eth)
		return XDP_DROP;
	cursor.next = eth->h_proto;
#pragma clang loop unroll(full)
	for (int i = 0; i < 2; i++) {
		if (cursor.next != bpf_htons(ETH_P_8021Q))
			break;
		tag = take(ctx, &cursor, 4);
		if (!tag)
			return XDP_ABORTED;
		cursor.next = tag[1];
	}
	if (cursor.next != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(ctx, &cursor, sizeof(*ip));
	if (!ip || ip->ihl < 5)
		return XDP_DROP;
	cursor.offset += ip->ihl * 4u - 20;
	ports = take(ctx, &cursor, sizeof(*ports));
	return ports && ports->dest & bpf_htons(1) ? XDP_TX : XDP_PASS;
}
