// SPDX-License-Identifier: GPL-2.0-only
/* callback_reads_packet: a callback that gets the context again and reads the packet through it,
 * with a map beside. */
#include "zoo.h"

MAP(ARRAY, sums, __u32, __u64, 4);

struct state {
	struct xdp_md *ctx;
	__u32 sum;
};

static long add(__u64 i, struct state *state)
{
	__u8 *at = DATA(state->ctx) + (i & 63);

	if (at + 1 > (__u8 *)DATA_END(state->ctx))
		return 1;
	state->sum += *at;
	return 0;
}

SEC("xdp")
int callback_reads_packet(struct xdp_md *ctx)
{
	struct state state = {.ctx = ctx};
	__u64 *sum;
	__u32 key;

	if (bpf_loop(40, add, &state, 0) < 0)
		return XDP_ABORTED;
	key = state.sum & 3;
	sum = bpf_map_lookup_elem(&sums, &key);
	if (!sum)
		return XDP_DROP;
	*sum += state.sum;
	return state.sum & 8 ? XDP_TX : XDP_PASS;
}
