// SPDX-License-Identifier: GPL-2.0-only
/* A program of a type that is compiled, but not swapped. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("socket")
int socket_filter(struct __sk_buff *skb)
{
	return skb->len > 64 ? -1 : 0;
}

char _license[] SEC("license") = "GPL";
