// SPDX-License-Identifier: GPL-2.0-only
/* sibling_tail_calls: a parser that goes on in another program, chosen by the protocol; the
 * state is in a per-CPU map. */
#include "zoo.h"

int on_tcp(struct xdp_md *ctx);
int on_udp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} protocols SEC(".maps") = {
	.values = {[IPPROTO_TCP] = (void *)&on_tcp, [IPPROTO_UDP] = (void *)&on_udp}};
MAP(PERCPU_ARRAY, states, __u32, struct tuple, 1);

SEC("xdp")
int on_tcp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct tuple *tuple = bpf_map_lookup_elem(&states, &zero);

	(void)ctx;
	return tuple && tuple->dport & 1 ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int on_udp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct tuple *tuple = bpf_map_lookup_elem(&states, &zero);

	return tuple && tuple->saddr & 1 && DATA_END(ctx) - DATA(ctx) > 100 ? XDP_ABORTED
									    : XDP_PASS;
}

SEC("xdp")
int sibling_tail_calls(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct tuple *tuple = bpf_map_lookup_elem(&states, &zero);

	if (!tuple || !read_tuple(DATA(ctx), DATA_END(ctx), tuple))
		return XDP_PASS;
	bpf_tail_call(ctx, &protocols, tuple->proto);
	return XDP_ABORTED;
}
