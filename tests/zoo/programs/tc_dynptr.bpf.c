// SPDX-License-Identifier: GPL-2.0-only
/* tc_dynptr: a dynptr of an skb: a slice that may be written. */
#include "zoo.h"

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *out) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u32 offset, void *buffer,
				   __u32 buffer__szk) __ksym;

SEC("tc")
int tc_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	struct ethhdr buffer, *eth;

	if (bpf_dynptr_from_skb(skb, 0, &packet))
		return TC_ACT_SHOT;
	eth = bpf_dynptr_slice_rdwr(&packet, 0, &buffer, sizeof(buffer));
	if (!eth)
		return TC_ACT_UNSPEC;
	eth->h_source[5] ^= 1;
	return eth->h_proto == bpf_htons(ETH_P_IP) ? TC_ACT_OK : TC_ACT_PIPE;
}
