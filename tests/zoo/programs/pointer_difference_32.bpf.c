// SPDX-License-Identifier: GPL-2.0-only
/* pointer_difference_32: the packet's length as a 32-bit number: a subtraction of pointers that
 * must stay 64 bits wide. */
#include "zoo.h"

SEC("xdp")
int pointer_difference_32(struct xdp_md *ctx)
{
	__u32 length = (__u32)((long)DATA_END(ctx) - (long)DATA(ctx));

	if (length < 64)
		return XDP_DROP;
	if (length > 1000 || length % 7 == 3)
		return XDP_TX;
	return XDP_PASS;
}
