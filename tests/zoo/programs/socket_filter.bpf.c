// SPDX-License-Identifier: GPL-2.0-only
/* socket_filter: a program of another kind, which decides how many bytes a socket sees. */
#include "zoo.h"

SEC("socket")
int socket_filter(struct __sk_buff *skb)
{
	__u8 protocol;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 9, &protocol, 1))
		return 0;
	return protocol == IPPROTO_UDP ? 64 : (int)skb->len;
}
