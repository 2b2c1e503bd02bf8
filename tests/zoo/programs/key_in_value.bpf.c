// SPDX-License-Identifier: GPL-2.0-only
/* key_in_value: the value of one lookup is, where it lies, the key of the next. */
#include "zoo.h"

struct step {
	__u32 next, verdict;
};
MAP(ARRAY, steps, __u32, struct step, 8);

SEC("xdp")
int key_in_value(struct xdp_md *ctx)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));
	struct step *step;
	__u32 key;

	if (!ip)
		return XDP_PASS;
	key = ip->daddr & 7;
	step = bpf_map_lookup_elem(&steps, &key);
#pragma clang loop unroll(full)
	for (int i = 0; i < 3; i++) {
		if (!step)
			return XDP_ABORTED;
		if (step->verdict > 5)
			return (int)(step->next & 3);
		step = bpf_map_lookup_elem(&steps, &step->next);
	}
	return XDP_DROP;
}
