// SPDX-License-Identifier: GPL-2.0-only
/* lru_conntrack: flows of both directions in an LRU: looked up, made, brought to another state,
 * removed. */
#include "zoo.h"

struct state {
	__u64 packets;
	__u32 step;
};
MAP(LRU_HASH, flows, struct tuple, struct state, 8192);

static __always_inline struct tuple reverse(const struct tuple *tuple)
{
	return (struct tuple){.saddr = tuple->daddr,
			      .daddr = tuple->saddr,
			      .sport = tuple->dport,
			      .dport = tuple->sport,
			      .proto = tuple->proto};
}

SEC("xdp")
int lru_conntrack(struct xdp_md *ctx)
{
	struct state *state, fresh = {.packets = 1};
	struct tuple tuple, back;

	if (!read_tuple(DATA(ctx), DATA_END(ctx), &tuple))
		return XDP_PASS;
	state = bpf_map_lookup_elem(&flows, &tuple);
	if (!state) {
		back = reverse(&tuple);
		state = bpf_map_lookup_elem(&flows, &back);
	}
	if (!state)
		return bpf_map_update_elem(&flows, &tuple, &fresh, BPF_NOEXIST) ? XDP_ABORTED
										: XDP_DROP;
	state->packets++;
	if (state->step++ < 6)
		return XDP_PASS;
	bpf_map_delete_elem(&flows, &tuple);
	return XDP_TX;
}
