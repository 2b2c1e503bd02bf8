// SPDX-License-Identifier: GPL-2.0-only
/* static_5_args: a function with as many arguments as registers allow: a packet, its end, a
 * number, two pointers. */
#include "zoo.h"

static __noinline int read_at(__u8 *data, __u8 *end, __u32 offset, __u32 *sum, __u64 *count)
{
	offset &= 0xff;
	data += offset;
	if (data + 1 > end)
		return -1;
	*sum += *data;
	++*count;
	return *data;
}

SEC("xdp")
int static_5_args(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);
	__u64 count = 0;
	__u32 sum = 0;

	if (read_at(data, end, 26, &sum, &count) < 0 || read_at(data, end, sum, &sum, &count) < 0)
		return count ? XDP_DROP : XDP_ABORTED;
	return (sum + count) & 1 ? XDP_TX : XDP_PASS;
}
