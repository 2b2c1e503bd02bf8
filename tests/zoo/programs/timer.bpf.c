// SPDX-License-Identifier: GPL-2.0-only
/* timer: a timer in a map's value, armed by packets; its callback writes the value. */
#include "zoo.h"

struct entry {
	__u64 count;
	struct bpf_timer timer;
};
MAP(ARRAY, entries, __u32, struct entry, 4);

static int expire(void *map, __u32 *key, struct entry *entry)
{
	(void)map, (void)key;
	entry->count = 0;
	return 0;
}

SEC("xdp")
int timer(struct xdp_md *ctx)
{
	__u32 key = (__u32)(DATA_END(ctx) - DATA(ctx)) & 3;
	struct entry *entry = bpf_map_lookup_elem(&entries, &key);

	if (!entry)
		return XDP_ABORTED;
	if (entry->count++ == 0 && !bpf_timer_init(&entry->timer, &entries, 1)) {
		bpf_timer_set_callback(&entry->timer, expire);
		bpf_timer_start(&entry->timer, 3600ull * 1000000000, 0);
	}
	return entry->count & 1 ? XDP_PASS : XDP_DROP;
}
