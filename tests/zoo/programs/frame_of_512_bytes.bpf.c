// SPDX-License-Identifier: GPL-2.0-only
/* frame_of_512_bytes: every byte of the frame is used: there is no room for one more spill. */
#include "zoo.h"

SEC("xdp")
int frame_of_512_bytes(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);
	__u64 words[60], sum = 0;

	if (data + 480 > end)
		return XDP_PASS;
	for (int i = 0; i < 60; i++) {
		words[i] = ((__u64 *)data)[i];
		OPAQUE(words[i]);
	}
	asm volatile("" ::"r"(words) : "memory");
	for (int i = 0; i < 60; i++)
		sum += words[i] * (__u64)(i + 1);
	return sum & 1 ? XDP_DROP : XDP_TX;
}
