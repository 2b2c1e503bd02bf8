// SPDX-License-Identifier: GPL-2.0-only
/* redirect_interface: a way out that is a number, and one that is where the packet came from. */
#include "zoo.h"

SEC("xdp")
int redirect_interface(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);

	if (data + 30 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	if (data[28] & 1)
		return (int)bpf_redirect(data[29] & 2 ? ctx->ingress_ifindex : 1, 0);
	return data[28] & 2 ? XDP_TX : XDP_PASS;
}
