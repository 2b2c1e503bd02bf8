// SPDX-License-Identifier: GPL-2.0-only
/* key_written_in_pieces: a 16-byte key that is put together on the stack from stores of every
 * width. */
#include "zoo.h"

MAP(HASH, flows, struct tuple, __u32, 64);

SEC("xdp")
int key_written_in_pieces(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct ports *ports = (void *)(ip + 1);
	struct tuple key;
	__u32 *value;

	if (!ip || (void *)(ports + 1) > end)
		return XDP_PASS;
	__builtin_memset(key.unused, 0, sizeof(key.unused));
	key.proto = ip->protocol;
	key.dport = ports->dest;
	key.sport = ports->source;
	asm volatile("" ::: "memory");
	*(__u64 *)&key.saddr = *(__u64 *)&ip->saddr;
	value = bpf_map_lookup_elem(&flows, &key);
	return value ? (*value & 1 ? XDP_DROP : XDP_TX) : XDP_PASS;
}
