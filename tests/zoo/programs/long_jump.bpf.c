// SPDX-License-Identifier: GPL-2.0-only
/* long_jump: a jump of 32 bits, forward over a body and out of it. */
#include "zoo.h"

SEC("xdp")
int long_jump(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__u64 value;

	if (data + 30 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	value = data[26];
	asm volatile("if %0 > 100 goto 1f\n\t"
		     "%0 *= 3\n\t"
		     "gotol 2f\n\t"
		     "1: %0 += 7\n\t"
		     "gotol 3f\n\t"
		     "2: %0 ^= 5\n\t"
		     "3: %0 &= 255"
		     : "+r"(value));
	return value & 1 ? XDP_TX : XDP_PASS;
}
