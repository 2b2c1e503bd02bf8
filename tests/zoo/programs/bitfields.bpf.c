// SPDX-License-Identifier: GPL-2.0-only
/* bitfields: fields of 1, 4, 13 and 24 bits, read and written beside their neighbours. */
#include "zoo.h"

struct label {
	__u32 ttl : 8, bottom : 1, class : 3, label : 20;
};
struct flags {
	__u16 offset : 13, more : 1, dont : 1, evil : 1;
	__u32 number : 24, kind : 8;
};

SEC("xdp")
int bitfields(struct xdp_md *ctx)
{
	struct label *label = DATA(ctx) + 14;
	struct flags *flags = DATA(ctx) + 20;

	if ((void *)(flags + 1) > DATA_END(ctx))
		return XDP_DROP;
	if (label->bottom && label->ttl > 1) {
		label->ttl--;
		label->class = flags->offset;
		return label->label & 1 ? XDP_TX : XDP_PASS;
	}
	flags->number += label->label;
	flags->dont = flags->evil ^ flags->more;
	return flags->kind > 100 ? XDP_PASS : XDP_DROP;
}
