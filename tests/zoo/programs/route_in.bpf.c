// SPDX-License-Identifier: GPL-2.0-only
/* route_in: a program of another kind, at a route. */
#include "zoo.h"

SEC("lwt_in")
int route_in(struct __sk_buff *skb)
{
	struct iphdr *ip = DATA(skb);

	if ((void *)(ip + 1) > DATA_END(skb))
		return BPF_OK;
	return ip->ttl & 1 ? BPF_DROP : BPF_OK;
}
