// SPDX-License-Identifier: GPL-2.0-only
/* tc_tunnel_key: metadata of a tunnel that is not there, in a structure whose length is an
 * argument. */
#include "zoo.h"

SEC("tc")
int tc_tunnel_key(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {.tunnel_id = skb->len, .remote_ipv4 = 0x0a000001};

	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
		return TC_ACT_SHOT;
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		return skb->len & 1 ? TC_ACT_OK : TC_ACT_PIPE;
	return key.tunnel_id & 1 ? TC_ACT_STOLEN : TC_ACT_UNSPEC;
}
