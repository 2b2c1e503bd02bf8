// SPDX-License-Identifier: GPL-2.0-only
/* grace: a program whose run takes some hundred milliseconds and says where it is. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

volatile __u32 is_started, is_ended;

static long idle(__u32 i, void *arg)
{
	(void)i;
	(void)arg;
	bpf_ktime_get_ns();
	return 0;
}

SEC("xdp")
int linger(struct xdp_md *ctx)
{
	(void)ctx;
	is_started = 1;
	bpf_loop(1 << 23, idle, NULL, 0);
	is_ended = 1;
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
