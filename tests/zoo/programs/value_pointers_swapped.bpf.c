// SPDX-License-Identifier: GPL-2.0-only
/* value_pointers_swapped: two values of one map, alive at once, and a pointer that is one or the
 * other. */
#include "zoo.h"

struct player {
	__u32 score, rounds;
};
MAP(ARRAY, players, __u32, struct player, 16);

SEC("xdp")
int value_pointers_swapped(struct xdp_md *ctx)
{
	struct player *a, *b, *winner, *loser;
	__u8 *data = DATA(ctx);
	__u32 key;
	__u8 other;

	if (data + 30 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	other = data[27];
	key = data[26] & 15;
	a = bpf_map_lookup_elem(&players, &key);
	key = other & 15;
	b = bpf_map_lookup_elem(&players, &key);
	if (!a || !b)
		return XDP_ABORTED;
	winner = a->score >= b->score ? a : b;
	loser = winner == a ? b : a;
	winner->rounds++;
	loser->score += 3;
	return winner->rounds & 4 ? XDP_TX : XDP_PASS;
}
