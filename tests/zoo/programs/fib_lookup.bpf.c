// SPDX-License-Identifier: GPL-2.0-only
/* fib_lookup: a structure of 64 bytes on the stack that a helper reads and writes. */
#include "zoo.h"

SEC("xdp")
int fib_lookup(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct bpf_fib_lookup fib = {};
	long result;

	if (!ip || ip->ttl <= 1)
		return XDP_PASS;
	fib.family = 2;
	fib.tos = ip->tos;
	fib.l4_protocol = ip->protocol;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr & 1 ? bpf_htonl(0x7f000001) : ip->daddr;
	fib.ifindex = 1;
	result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (result < 0)
		return XDP_ABORTED;
	return result == BPF_FIB_LKUP_RET_NOT_FWDED ? XDP_DROP : XDP_TX;
}
