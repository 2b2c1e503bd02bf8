// SPDX-License-Identifier: GPL-2.0-only
/* dns_name: labels of a name, walked byte by byte with a state that two branches change. */
#include "zoo.h"

SEC("xdp")
int dns_name(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx), left = 0;
	__u32 labels = 0;
	struct tuple tuple;

	if (!read_tuple(data, end, &tuple) || tuple.proto != IPPROTO_UDP)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		__u8 *at = data + 42 + i;

		if (at + 1 > end)
			return XDP_DROP;
		if (left == 0) {
			left = *at & 3;
			labels++;
			if (left == 0)
				break;
		} else {
			left--;
		}
	}
	if (labels > 5)
		return XDP_ABORTED;
	return labels & 1 ? XDP_TX : XDP_PASS;
}
