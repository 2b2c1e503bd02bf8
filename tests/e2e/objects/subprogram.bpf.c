// SPDX-License-Identifier: GPL-2.0-only
/* A program of two functions: what hone refuses for now. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

__attribute__((noinline)) static __u32 even(__u32 number)
{
	return (number ^ bpf_get_prandom_u32()) & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int two_functions(struct xdp_md *ctx)
{
	return even(ctx->data_end - ctx->data) | XDP_PASS;
}

char _license[] SEC("license") = "GPL";
