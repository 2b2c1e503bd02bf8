// SPDX-License-Identifier: GPL-2.0-only
/* rodata_config: constants that the loader may set, and a table of them: frozen, so that they
 * fold. */
#include "zoo.h"

const volatile bool drops_udp = true;
const volatile __u16 ports[8] = {22, 53, 80, 443, 8080, 1024, 65535, 5};

SEC("xdp")
int rodata_config(struct xdp_md *ctx)
{
	struct tuple tuple;
	__u32 port;

	if (!read_tuple(DATA(ctx), DATA_END(ctx), &tuple))
		return XDP_PASS;
	if (drops_udp && tuple.proto == IPPROTO_UDP)
		return XDP_DROP;
	port = bpf_ntohs(tuple.dport);
	for (int i = 0; i < 8; i++)
		if (ports[i] == port)
			return XDP_TX;
	return ports[port & 7] & 1 ? XDP_PASS : XDP_TX;
}
