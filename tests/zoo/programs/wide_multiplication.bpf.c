// SPDX-License-Identifier: GPL-2.0-only
/* wide_multiplication: hashes: 64-bit products, rotations and xors whose every bit counts. */
#include "zoo.h"

static __always_inline __u64 rotate(__u64 x, int by)
{
	return x << by | x >> (64 - by);
}

SEC("xdp")
int wide_multiplication(struct xdp_md *ctx)
{
	__u64 *words = DATA(ctx), a, b, c, d;

	if ((void *)(words + 4) > DATA_END(ctx))
		return XDP_DROP;
	a = words[0] ^ 0x736f6d6570736575ull;
	b = words[1] ^ 0x646f72616e646f6dull;
	c = words[2] ^ 0x6c7967656e657261ull;
	d = words[3] ^ 0x7465646279746573ull;
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		a += b;
		b = rotate(b, 13) ^ a;
		c += d;
		d = rotate(d, 16) ^ c;
		a = rotate(a, 32) * 0x9e3779b97f4a7c15ull;
		c = rotate(c + b, 17);
	}
	words[0] = a ^ b ^ c ^ d;
	return words[0] >> 62 ? XDP_PASS : XDP_TX;
}
