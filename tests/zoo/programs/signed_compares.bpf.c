// SPDX-License-Identifier: GPL-2.0-only
/* signed_compares: 32- and 64-bit signed compares around zero and the ends of the ranges. */
#include "zoo.h"

SEC("xdp")
int signed_compares(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__s32 a;
	__s64 b;

	if (data + 40 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	a = *(__s32 *)(data + 26);
	b = *(__s64 *)(data + 26);
	OPAQUE(a);
	if (a < -0x40000000)
		return XDP_TX;
	if (b >= 0x4000000000000000ll)
		return XDP_DROP;
	if (a > 1 && b < -1)
		return XDP_ABORTED;
	return (__s8)data[30] < (__s8)data[31] ? XDP_PASS : XDP_TX;
}
