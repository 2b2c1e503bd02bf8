// SPDX-License-Identifier: GPL-2.0-only
/* tc_direct_write: a tc program that writes into the packet, after it has made the headers
 * linear. */
#include "zoo.h"

SEC("tc")
int tc_direct_write(struct __sk_buff *skb)
{
	struct iphdr *ip;

	if (skb->len < 34 || bpf_skb_pull_data(skb, 34))
		return TC_ACT_SHOT;
	ip = find_ipv4(DATA(skb), DATA_END(skb));
	if (!ip)
		return TC_ACT_OK;
	if (ip->ttl < 2)
		return TC_ACT_STOLEN;
	ip->ttl--;
	ip->tos |= 4;
	skb->mark = ip->saddr;
	return ip->protocol == IPPROTO_UDP ? TC_ACT_PIPE : TC_ACT_OK;
}
