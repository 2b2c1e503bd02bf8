// SPDX-License-Identifier: GPL-2.0-only
/* A program with a timer in a map value: what hone refuses. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct timed {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timed);
} timers SEC(".maps");

SEC("xdp")
int timed(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct timed *value = bpf_map_lookup_elem(&timers, &zero);

	(void)ctx;
	if (value)
		bpf_timer_init(&value->timer, &timers, 1 /* CLOCK_MONOTONIC */);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
