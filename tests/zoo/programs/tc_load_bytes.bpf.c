// SPDX-License-Identifier: GPL-2.0-only
/* tc_load_bytes: bytes of the packet that a helper copies to the stack, at an offset that is not
 * known. */
#include "zoo.h"

SEC("tc")
int tc_load_bytes(struct __sk_buff *skb)
{
	__u8 first, bytes[8];

	if (bpf_skb_load_bytes(skb, 14, &first, 1))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(skb, 14 + (first & 15) * 4, bytes, sizeof(bytes)))
		return TC_ACT_SHOT;
	bytes[3] ^= bytes[5];
	return bytes[3] & 1 ? TC_ACT_OK : TC_ACT_PIPE;
}
