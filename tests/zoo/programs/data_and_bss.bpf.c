// SPDX-License-Identifier: GPL-2.0-only
/* data_and_bss: globals: one that starts at a value, one at zero, one that is an array with a
 * variable index. */
#include "zoo.h"

__u64 budget = 5000;
__u64 drops;
__u32 histogram[16];

SEC("xdp")
int data_and_bss(struct xdp_md *ctx)
{
	__u64 length = (__u64)(DATA_END(ctx) - DATA(ctx));

	histogram[length >> 6 & 15]++;
	if (budget < length) {
		drops++;
		budget += 40;
		return XDP_DROP;
	}
	budget -= length;
	return histogram[3] > histogram[4] ? XDP_TX : XDP_PASS;
}
