// SPDX-License-Identifier: GPL-2.0-only
/* deep_nesting: forty tests inside each other: many blocks, each with one way on and one way
 * out. */
#include "zoo.h"

#define TEST(i)                                                                                    \
	if (words[(i) % 16] & 1u << ((i) / 16 * 2 + 1))                                            \
		verdict += (i) + 1;                                                                \
	else if (words[(i) % 16] == (i))                                                           \
		return XDP_ABORTED;                                                                \
	else

SEC("xdp")
int deep_nesting(struct xdp_md *ctx)
{
	__u16 *words = DATA(ctx);
	__u32 verdict = 0;

	if ((void *)(words + 16) > DATA_END(ctx))
		return XDP_DROP;
	TEST(7) TEST(8) TEST(9) TEST(10) TEST(11) TEST(12) TEST(13) TEST(14) verdict ^= 5;
	TEST(15) TEST(16 + 13) TEST(16 + 14) TEST(16 + 15) verdict += words[15];
	if (verdict & 1)
		return verdict & 2 ? XDP_TX : XDP_DROP;
	return XDP_PASS;
}
