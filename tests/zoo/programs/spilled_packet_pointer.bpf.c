// SPDX-License-Identifier: GPL-2.0-only
/* spilled_packet_pointer: packet pointers live across calls and under register pressure: they
 * are spilled, with their ranges. */
#include "zoo.h"

MAP(ARRAY, sums, __u32, __u64, 4);

SEC("xdp")
int spilled_packet_pointer(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx), *second = data + 14, *third = data + 34;
	__u64 a, b, c, d, *sum;
	__u32 key;

	if (data + 54 > end)
		return XDP_DROP;
	a = *(__u64 *)data;
	b = *(__u64 *)second;
	c = *(__u64 *)third;
	key = (data[0] ^ second[9]) & 3;
	sum = bpf_map_lookup_elem(&sums, &key);
	if (!sum)
		return XDP_ABORTED;
	*sum += a ^ b;
	d = *(__u64 *)(third + 8);
	key = (third[0] + 1) & 3;
	sum = bpf_map_lookup_elem(&sums, &key);
	if (!sum)
		return XDP_ABORTED;
	*sum += c ^ d ^ second[3] ^ third[5] ^ data[2];
	return (a + b + c + d + second[12]) & 1 ? XDP_PASS : XDP_TX;
}
