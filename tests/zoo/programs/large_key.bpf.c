// SPDX-License-Identifier: GPL-2.0-only
/* large_key: a key of 64 bytes, all of it compared. */
#include "zoo.h"

struct name {
	__u8 bytes[64];
};
MAP(HASH, names, struct name, __u32, 256);

SEC("xdp")
int large_key(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	struct name name = {};
	__u32 *value, one = 1;

	if (data + 78 > (__u8 *)DATA_END(ctx))
		return XDP_DROP;
	name.bytes[0] = data[26] & 15;
	name.bytes[63] = data[27] & 7;
	value = bpf_map_lookup_elem(&names, &name);
	if (!value)
		return bpf_map_update_elem(&names, &name, &one, BPF_ANY) ? XDP_ABORTED : XDP_TX;
	return ++*value & 1 ? XDP_DROP : XDP_PASS;
}
