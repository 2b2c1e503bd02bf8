// SPDX-License-Identifier: GPL-2.0-only
/* checksum_loop: the sum over an IPv4 header of variable length, folded: additions whose carries
 * matter. */
#include "zoo.h"

SEC("xdp")
int checksum_loop(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	__u32 sum = 0;

	if (!ip || ip->ihl < 5)
		return XDP_PASS;
	for (__u32 i = 0; i < 30; i++) {
		__u16 *word = (__u16 *)ip + i;

		if (i >= ip->ihl * 2)
			break;
		if ((void *)(word + 1) > end)
			return XDP_ABORTED;
		sum += *word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum ? XDP_DROP : XDP_TX;
}
