// SPDX-License-Identifier: GPL-2.0-only
/* ipv6_extensions: a chain of extension headers, each with its own length and successor. */
#include "zoo.h"

struct extension {
	__u8 next, length;
};

SEC("xdp")
int ipv6_extensions(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct ipv6hdr *ip = find_ipv6(DATA(ctx), end);
	void *at = (void *)(ip + 1);
	__u8 next;

	if (!ip)
		return XDP_PASS;
	next = ip->nexthdr;
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		struct extension *extension = at;

		if (next == IPPROTO_TCP || next == IPPROTO_UDP)
			return XDP_TX;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_DSTOPTS)
			return XDP_PASS;
		if ((void *)(extension + 1) > end)
			return XDP_DROP;
		at += next == IPPROTO_FRAGMENT ? 8 : (extension->length & 31) * 8 + 8;
		next = extension->next;
	}
	return XDP_ABORTED;
}
