// SPDX-License-Identifier: GPL-2.0-only
/* callback_context_on_stack: a callback of bpf_loop reads and writes its caller's stack through
 * a pointer. */
#include "zoo.h"

struct state {
	__u8 bytes[32];
	__u32 sum, odd;
};

static long add(__u64 i, struct state *state)
{
	__u8 byte = state->bytes[i & 31];

	state->sum += byte;
	state->odd += byte & 1;
	return state->odd > 12;
}

SEC("xdp")
int callback_context_on_stack(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx), *end = DATA_END(ctx);
	struct state state = {};

	if (data + 32 > end)
		return XDP_DROP;
	__builtin_memcpy(state.bytes, data, 32);
	bpf_loop(32, add, &state, 0);
	if (state.odd > 12)
		return XDP_TX;
	return state.sum & 1 ? XDP_PASS : XDP_DROP;
}
