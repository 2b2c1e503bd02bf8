// SPDX-License-Identifier: GPL-2.0-only
/* big_endian_ranges: ranges of addresses and ports, in network order in the packet and host
 * order in the program. */
#include "zoo.h"

static const struct {
	__u32 first, last;
	int verdict;
} ranges[] = {
	{0x0a000000, 0x2affffff, XDP_DROP},
	{0x60000000, 0x7fffffff, XDP_TX},
	{0xe0000000, 0xefffffff, XDP_ABORTED},
};

SEC("xdp")
int big_endian_ranges(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	__u32 address;

	if (!ip)
		return XDP_PASS;
	address = bpf_ntohl(ip->daddr);
	for (int i = 0; i < 3; i++)
		if (address >= ranges[i].first && address <= ranges[i].last)
			return ranges[i].verdict;
	return XDP_PASS;
}
