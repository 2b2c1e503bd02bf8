// SPDX-License-Identifier: GPL-2.0-only
/* tc_checksum_helpers: address translation on tc: bytes are stored and checksums replaced by
 * helpers. */
#include "zoo.h"

MAP(HASH, targets, __u32, __u32, 64);

SEC("tc")
int tc_checksum_helpers(struct __sk_buff *skb)
{
	struct iphdr *ip = find_ipv4(DATA(skb), DATA_END(skb));
	__u32 was, *is, now, check = 14 + 20 + 6;

	if (!ip || ip->ihl != 5 || ip->protocol == IPPROTO_ICMP)
		return TC_ACT_OK;
	if (ip->protocol == IPPROTO_TCP)
		check = 14 + 20 + 16;
	was = ip->daddr;
	is = bpf_map_lookup_elem(&targets, &was);
	if (!is)
		return TC_ACT_UNSPEC;
	now = *is;
	if (bpf_l4_csum_replace(skb, check, was, now, BPF_F_PSEUDO_HDR | sizeof(now)) ||
	    bpf_l3_csum_replace(skb, 14 + 10, was, now, sizeof(now)) ||
	    bpf_skb_store_bytes(skb, 14 + 16, &now, sizeof(now), 0))
		return TC_ACT_SHOT;
	return TC_ACT_PIPE;
}
