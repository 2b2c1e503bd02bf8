// SPDX-License-Identifier: GPL-2.0-only
/* consistent_hash: a load balancer: hash of the flow, ring of positions, table of servers, three
 * lookups in a row. */
#include "zoo.h"

struct service {
	__u32 ring, flags;
};
struct server {
	__u32 address, weight;
	__u64 packets;
};
MAP(HASH, services, __u32, struct service, 64);
MAP(ARRAY, rings, __u32, __u32, 256);
MAP(ARRAY, servers, __u32, struct server, 16);

static __always_inline __u32 hash(const struct tuple *tuple)
{
	__u32 x = tuple->saddr ^ ((__u32)tuple->sport << 16 | tuple->dport);

	x = (x ^ x >> 16) * 0x7feb352d;
	x = (x ^ x >> 15) * 0x846ca68b;
	return x ^ x >> 16;
}

SEC("xdp")
int consistent_hash(struct xdp_md *ctx)
{
	__u8 *data = DATA(ctx);
	struct service *service;
	struct server *server;
	struct tuple tuple;
	__u32 key, *position;

	if (!read_tuple(data, DATA_END(ctx), &tuple))
		return XDP_PASS;
	service = bpf_map_lookup_elem(&services, &tuple.daddr);
	if (!service)
		return XDP_PASS;
	key = (service->flags & 1 ? tuple.saddr : hash(&tuple)) & 31;
	key += (service->ring & 7) * 32;
	position = bpf_map_lookup_elem(&rings, &key);
	if (!position)
		return XDP_ABORTED;
	server = bpf_map_lookup_elem(&servers, position);
	if (!server || server->weight == 0)
		return XDP_DROP;
	server->packets++;
	data[0] = (__u8)server->address;
	return XDP_TX;
}
