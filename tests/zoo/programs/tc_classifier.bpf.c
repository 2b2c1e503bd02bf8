// SPDX-License-Identifier: GPL-2.0-only
/* tc_classifier: an old section name and class ids: the verdict is in the context, the result
 * says -1. */
#include "zoo.h"

SEC("classifier")
int tc_classifier(struct __sk_buff *skb)
{
	__u8 *data = DATA(skb);

	if (data + 30 > (__u8 *)DATA_END(skb))
		return 0;
	skb->tc_classid = 0x10000u | data[26];
	return data[27] & 1 ? -1 : data[28];
}
