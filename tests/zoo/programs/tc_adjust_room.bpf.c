// SPDX-License-Identifier: GPL-2.0-only
/* tc_adjust_room: room for a header is made behind the address, or the packet's end moves. */
#include "zoo.h"

SEC("tc")
int tc_adjust_room(struct __sk_buff *skb)
{
	struct iphdr *ip = find_ipv4(DATA(skb), DATA_END(skb));

	if (!ip)
		return bpf_skb_change_tail(skb, 100, 0) ? TC_ACT_SHOT : TC_ACT_OK;
	if (ip->tot_len & 1 && bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	ip = DATA(skb) + 22;
	if ((void *)(ip + 1) > DATA_END(skb))
		return TC_ACT_UNSPEC;
	return ip->version == 4 ? TC_ACT_PIPE : TC_ACT_OK;
}
