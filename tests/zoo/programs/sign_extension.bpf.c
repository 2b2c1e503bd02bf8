// SPDX-License-Identifier: GPL-2.0-only
/* sign_extension: loads and moves of 8, 16 and 32 bits that keep the sign. */
#include "zoo.h"

SEC("xdp")
int sign_extension(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	__s64 sum = 0, word;
	__s32 half;

	if (data + 48 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	sum += *(__s8 *)(data + 26);
	sum += *(__s16 *)(data + 27);
	sum += *(__s32 *)(data + 29);
	word = *(__s64 *)(data + 14);
	OPAQUE(word);
	sum ^= (__s64)(__s8)word;
	sum += (__s64)(__s16)(word >> 8);
	sum -= (__s64)(__s32)(word >> 16);
	half = (__s8)(word >> 24);
	OPAQUE(half);
	half ^= (__s16)(word >> 32);
	*(__s64 *)data = sum + half;
	return sum < 0 ? XDP_TX : half < 0 ? XDP_ABORTED : XDP_PASS;
}
