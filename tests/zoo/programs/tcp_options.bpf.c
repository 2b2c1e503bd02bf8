// SPDX-License-Identifier: GPL-2.0-only
/* tcp_options: options of variable length behind a header of variable length: an offset that
 * grows in a loop. */
#include "zoo.h"

SEC("xdp")
int tcp_options(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 at = sizeof(*tcp);

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 20; i++) {
		__u8 *option = (void *)tcp + (at & 63);

		if (at >= tcp->doff * 4u)
			return XDP_PASS;
		if (option + 2 > (__u8 *)end)
			return XDP_DROP;
		if (option[0] < 2)
			at += 1;
		else if (option[1] < 2)
			return XDP_DROP;
		else
			at += option[1];
		if (option[0] == 3)
			return XDP_TX;
	}
	return XDP_ABORTED;
}
