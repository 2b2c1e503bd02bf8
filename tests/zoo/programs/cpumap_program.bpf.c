// SPDX-License-Identifier: GPL-2.0-only
/* cpumap_program: a program that runs on the CPU that packets were sent to. */
#include "zoo.h"

SEC("xdp/cpumap")
int cpumap_program(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = find_ipv6(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return XDP_PASS;
	return ip->hop_limit & 1 ? XDP_DROP : XDP_TX;
}
