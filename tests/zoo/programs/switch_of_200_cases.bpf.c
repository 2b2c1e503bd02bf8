// SPDX-License-Identifier: GPL-2.0-only
/* switch_of_200_cases: a dense switch that a back end would turn into a table of jumps, which
 * BPF has not. */
#include "zoo.h"

#define CASE(n)                                                                                    \
	case n * 5:                                                                                \
		sum = (sum ^ n##u) * (2654435761u + n##u);                                         \
		break;
#define CASES(n)                                                                                   \
	CASE(n##0)                                                                                 \
	CASE(n##1)                                                                                 \
	CASE(n##2) CASE(n##3) CASE(n##4) CASE(n##5) CASE(n##6) CASE(n##7) CASE(n##8) CASE(n##9)

SEC("xdp")
int switch_of_200_cases(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);
	__u32 sum = 1;

	if (data + 30 > end)
		return XDP_DROP;
	switch ((__u32)(data[26] << 2 | data[27] >> 6)) {
		CASES(1)
		CASES(2)
		CASES(3)
		CASES(4)
		CASES(5)
		CASES(6)
		CASES(7)
		CASES(8)
		CASES(9)
		CASES(10)
		CASES(11)
		CASES(12)
		CASES(13)
		CASES(14)
		CASES(15)
		CASES(16)
		CASES(17)
		CASES(18)
		CASES(19)
		CASES(20)
	default:
		return XDP_PASS;
	}
	return sum & 64 ? XDP_TX : XDP_DROP;
}
