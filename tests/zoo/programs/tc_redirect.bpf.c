// SPDX-License-Identifier: GPL-2.0-only
/* tc_redirect: packets go out of another interface, in either direction; a copy stays. */
#include "zoo.h"

MAP(HASH, neighbours, __u8, __u32, 256);

SEC("tc")
int tc_redirect(struct __sk_buff *skb)
{
	struct iphdr *ip = find_ipv4(DATA(skb), DATA_END(skb));
	__u32 *flags;
	__u8 key;

	if (!ip)
		return TC_ACT_OK;
	key = (__u8)ip->daddr;
	flags = bpf_map_lookup_elem(&neighbours, &key);
	if (!flags)
		return TC_ACT_SHOT;
	return (int)bpf_redirect(1, *flags & 1 ? BPF_F_INGRESS : 0);
}
