// SPDX-License-Identifier: GPL-2.0-only
/* byte_swapped_compares: numbers in network order compared with equality as they are and with
 * less-than once swapped. */
#include "zoo.h"

SEC("xdp")
int byte_swapped_compares(struct xdp_md *ctx)
{
	struct tuple tuple;

	if (!read_tuple(DATA(ctx), DATA_END(ctx), &tuple))
		return XDP_PASS;
	if (tuple.dport == bpf_htons(53) || bpf_ntohs(tuple.sport) < 1024)
		return XDP_DROP;
	if (bpf_ntohl(tuple.saddr) > bpf_ntohl(tuple.daddr))
		return XDP_TX;
	return bpf_ntohs(tuple.sport) == tuple.dport ? XDP_ABORTED : XDP_PASS;
}
