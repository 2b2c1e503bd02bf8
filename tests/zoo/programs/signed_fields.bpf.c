// SPDX-License-Identifier: GPL-2.0-only
/* signed_fields: signed fields of values and of the stack, compared and used as indices. */
#include "zoo.h"

struct offsets {
	__s8 a;
	__s16 b;
	__s32 c;
};
MAP(ARRAY, offsets, __u32, struct offsets, 8);

SEC("xdp")
int signed_fields(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	struct offsets *offset;
	__u32 key;
	__s64 at;

	if (data + 100 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	key = data[26] & 7;
	offset = bpf_map_lookup_elem(&offsets, &key);
	if (!offset)
		return XDP_ABORTED;
	at = 20 + offset->a - (__s8)data[30];
	if (at < 0 || at > 60)
		return XDP_TX;
	data += at & 63;
	if (data + 21 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	offset->b = (__s16)(offset->b - data[20]);
	return offset->b < 0 ? XDP_PASS : XDP_TX;
}
