// SPDX-License-Identifier: GPL-2.0-only
/* signed_division: sdiv and smod by numbers of the packet: signs, zero, and the one quotient
 * that overflows. */
#include "zoo.h"

SEC("xdp")
int signed_division(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__s64 a, b, quotient, rest;
	__s32 c, d;

	if (data + 48 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	a = *(__s64 *)(data + 20);
	b = (__s8)data[30] >> 4;
	c = *(__s32 *)(data + 26);
	d = (__s8)data[31] >> 5;
	if (data[32] < 40) {
		a = (__s64)(1ull << 63);
		c = (__s32)(1u << 31);
	}
	quotient = a;
	rest = a;
	asm volatile("%0 s/= %1" : "+r"(quotient) : "r"(b));
	asm volatile("%0 s%%= %1" : "+r"(rest) : "r"(b));
	*(__u64 *)data = (__u64)(quotient ^ rest);
	quotient = c;
	asm volatile("%0 s/= %1" : "+w"(c) : "w"(d));
	*(__s32 *)(data + 8) = c;
	c = (__s32)quotient;
	asm volatile("%0 s%%= %1" : "+w"(c) : "w"(d));
	*(__s32 *)(data + 34) = c;
	return c < 0 ? XDP_TX : rest < 0 ? XDP_ABORTED : XDP_PASS;
}
