// SPDX-License-Identifier: GPL-2.0-only
/* narrowed_end_compare: an optimizer that knows both context fields to be 32 bits wide compares
 * pointers in 32 bits; the verifier then learns nothing of the packet's length. */
#include "zoo.h"

SEC("xdp")
int narrowed_end_compare(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);

	if (data + 64 > end)
		return data + 34 > end ? XDP_DROP : XDP_ABORTED;
	if (data[63] & 1)
		return XDP_PASS;
	return data + 1000 < end && data[999] & 1 ? XDP_TX : XDP_PASS;
}
