// SPDX-License-Identifier: GPL-2.0-only
/* devmap_program: a program that runs behind a redirect: another attach type, and the interface
 * of the way out. */
#include "zoo.h"

SEC("xdp/devmap")
int devmap_program(struct xdp_md *ctx)
{
	struct ethhdr *eth = DATA(ctx);

	if ((void *)(eth + 1) > DATA_END(ctx))
		return XDP_DROP;
	eth->h_source[5] = (__u8)ctx->egress_ifindex;
	return eth->h_dest[0] & 1 ? XDP_DROP : XDP_PASS;
}
