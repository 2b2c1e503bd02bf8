// SPDX-License-Identifier: GPL-2.0-only
/* tc_mark: fields of the context are read, changed and read again. */
#include "zoo.h"

SEC("tc")
int tc_mark(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 3 + skb->len;
	skb->priority = skb->mark & 7;
	skb->cb[1] = skb->mark >> 1;
	skb->tc_index = (__u16)skb->cb[1];
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return skb->mark & 1 ? TC_ACT_SHOT : TC_ACT_OK;
	return skb->priority > 3 ? TC_ACT_UNSPEC : TC_ACT_PIPE;
}
