// SPDX-License-Identifier: GPL-2.0-only
/* tc_vlan: tags are pushed and taken off by helpers, which leave no packet pointer alone. */
#include "zoo.h"

SEC("tc")
int tc_vlan(struct __sk_buff *skb)
{
	struct ethhdr *eth;

	if (skb->vlan_present)
		return bpf_skb_vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_PIPE;
	if (skb->len & 1 && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 5))
		return TC_ACT_SHOT;
	eth = DATA(skb);
	if ((void *)(eth + 1) > DATA_END(skb))
		return TC_ACT_UNSPEC;
	eth->h_dest[0] ^= 2;
	return skb->vlan_tci ? TC_ACT_OK : TC_ACT_PIPE;
}
