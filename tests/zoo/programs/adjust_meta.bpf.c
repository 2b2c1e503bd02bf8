// SPDX-License-Identifier: GPL-2.0-only
/* adjust_meta: a program puts data in front of the packet and reads it back through another
 * pointer. */
#include "zoo.h"

SEC("xdp")
int adjust_meta(struct xdp_md *ctx)
{
	__u32 *meta;
	__u8 *data = DATA(ctx);

	if (data + 20 > (__u8 *)DATA_END(ctx) || !(data[16] & 1))
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	data = DATA(ctx);
	if ((void *)(meta + 1) > (void *)data || data + 20 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	*meta = data[17];
	return *meta & 1 ? XDP_TX : XDP_PASS;
}
