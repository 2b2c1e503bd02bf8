// SPDX-License-Identifier: GPL-2.0-only
/* cgroup_ingress: a program of another kind, which lets packets into a control group, or not. */
#include "zoo.h"

SEC("cgroup_skb/ingress")
int cgroup_ingress(struct __sk_buff *skb)
{
	struct iphdr *ip = DATA(skb);

	if ((void *)(ip + 1) > DATA_END(skb))
		return 1;
	return ip->protocol != IPPROTO_ICMP && ip->saddr & 1;
}
