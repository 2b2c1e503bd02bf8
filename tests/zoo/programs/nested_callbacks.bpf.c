// SPDX-License-Identifier: GPL-2.0-only
/* nested_callbacks: a callback that runs a loop with another callback, over a structure two
 * frames up. */
#include "zoo.h"

struct state {
	__u32 rows, cells;
};

static long visit_cell(__u64 i, struct state *state)
{
	state->cells += (__u32)i & 1;
	return state->cells > 40;
}

static long visit_row(__u64 i, struct state *state)
{
	state->rows++;
	bpf_loop((__u32)i & 7, visit_cell, state, 0);
	return 0;
}

SEC("xdp")
int nested_callbacks(struct xdp_md *ctx)
{
	__u32 length = (__u32)(DATA_END(ctx) - DATA(ctx));
	struct state state = {};

	bpf_loop(length & 31, visit_row, &state, 0);
	if (state.cells > 40)
		return XDP_TX;
	return (state.rows ^ state.cells) & 1 ? XDP_PASS : XDP_DROP;
}
