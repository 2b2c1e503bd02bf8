// SPDX-License-Identifier: GPL-2.0-only
/* router: IPv4 forwarding by longest prefix, for one ingress interface.
 *
 * The loader fills all maps; the program only counts. ARP, ICMP errors, options, fragmentation
 * and unknown neighbours are left to the kernel's stack. VLAN tags stay where they are. A header
 * checksum is updated, not verified (RFC 1624): a wrong one stays wrong and is found by the
 * receiver. */
#include <linux/bpf.h>

#include "common/parse.h"
#include "router/router.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, ROUTER_ROUTES);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct router_prefix);
	__type(value, struct router_route);
} rt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, struct router_port);
} rport SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ROUTER_NEIGHBOURS);
	__type(key, __be32);
	__type(value, struct router_neighbour);
} neigh SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, ROUTER_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} tx SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct router_config);
} cfg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ROUTER_COUNTER_N);
	__type(key, __u32);
	__type(value, struct router_count);
} stats SEC(".maps");

/* The verdict that belongs to each counter, so that a case names one thing only. */
static __always_inline int verdict(enum router_counter counter)
{
	switch (counter) {
#define COUNTER(id, verdict, what)                                                                 \
	case ROUTER_##id:                                                                          \
		return XDP_##verdict;
		ROUTER_COUNTERS(COUNTER)
#undef COUNTER
	default:
		return XDP_ABORTED;
	}
}

static __always_inline int is_same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

static __always_inline int is_multicast(__be32 ip)
{
	return (ip & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000);
}

static __always_inline int is_loopback(__be32 ip)
{
	return (ip & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

/* RFC 1812, 5.3.7: never on the wire as a source, or as a destination. */
static __always_inline int is_banned(__be32 src, __be32 dst)
{
	return is_loopback(src) || is_multicast(src) || src == bpf_htonl(0xffffffff) ||
	       is_loopback(dst);
}

/* The address itself, or its subnet's broadcast. A /31 and a /32 have none (RFC 3021). */
static __always_inline int is_mine(const struct router_address *own, __be32 dst)
{
	if (!own->ip)
		return 0;
	if (dst == own->ip)
		return 1;
	return (bpf_ntohl(~own->mask) > 1) && dst == (own->ip | ~own->mask);
}

static __always_inline int is_for_port(const struct router_port *port, __be32 dst)
{
	if (is_mine(&port->primary, dst))
		return 1;
	for (int i = 0; i < ROUTER_SECONDARY; i++) {
		if (is_mine(&port->secondary[i], dst))
			return 1;
	}
	return 0;
}

/* One hop less. The TTL is the high byte of the word it shares with the protocol: in network
 * byte order the word falls by 0x0100, and so the sum's complement grows by as much (RFC 1624,
 * eqn. 3), with the carry brought around. */
static __always_inline void decrease_ttl(struct iphdr *ip)
{
	__u32 sum = ip->check + (__u32)bpf_htons(0x0100);

	ip->check = (__sum16)(sum + (sum >= 0xffff));
	ip->ttl--;
}

static __always_inline enum router_counter check_frame(const struct router_config *config,
						       const struct router_port *in,
						       const struct ethhdr *eth)
{
	if (eth->h_dest[0] & 1)
		return ROUTER_GROUP;
	if ((config->flags & ROUTER_CHECK_MAC) && !is_same_mac(eth->h_dest, in->mac))
		return ROUTER_OTHER_STATION;
	return ROUTER_FORWARDED;
}

/* size: from the header to the packet's end. */
static __always_inline enum router_counter check_ip(const struct router_config *config,
						    const struct iphdr *ip, __u64 size)
{
	__u32 total = bpf_ntohs(ip->tot_len);

	if (ip->version != 4 || ip->ihl < 5 || total < ip->ihl * 4U || total > size)
		return ROUTER_BAD_HEADER;
	if ((config->flags & ROUTER_CHECK_ADDR) && is_banned(ip->saddr, ip->daddr))
		return ROUTER_BAD_ADDRESS;
	if (is_multicast(ip->daddr) || ip->daddr == bpf_htonl(0xffffffff))
		return ROUTER_GROUP;
	if (ip->ihl > 5)
		return ROUTER_OPTIONS;
	return ROUTER_FORWARDED;
}

static __always_inline enum router_counter find_neighbour(const struct iphdr *ip,
							  struct router_neighbour **out)
{
	struct router_prefix prefix = {.len = 32, .ip = ip->daddr};
	struct router_route *route = bpf_map_lookup_elem(&rt, &prefix);
	__be32 nexthop = ip->daddr;

	if (!route)
		return ROUTER_NO_ROUTE;
	if (route->type == ROUTER_TO_SELF)
		return ROUTER_LOCAL;
	if (route->type == ROUTER_TO_NOWHERE)
		return ROUTER_BLACKHOLE;
	if (route->type == ROUTER_TO_NEXTHOP)
		nexthop = route->nexthop;

	*out = bpf_map_lookup_elem(&neigh, &nexthop);
	if (!*out || (*out)->port != route->port)
		return ROUTER_NO_NEIGHBOUR;
	return ROUTER_FORWARDED;
}

static __always_inline enum router_counter forward(struct xdp_md *ctx, __u32 *out_port)
{
	void *end = (void *)(long)ctx->data_end;
	void *at = (void *)(long)ctx->data;
	enum router_counter result;
	struct router_neighbour *neighbour = NULL;
	struct router_config *config;
	struct router_port *in, *out;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u32 zero = 0, port;

	eth = nf_parse_eth(&at, end);
	if (!eth || nf_skip_vlans(&at, end, eth->h_proto) != bpf_htons(ETH_P_IP))
		return ROUTER_NOT_IPV4;
	ip = nf_parse_ipv4(&at, end);
	if (!ip)
		return ROUTER_NOT_IPV4;

	config = bpf_map_lookup_elem(&cfg, &zero);
	if (!config)
		return ROUTER_NO_PORT;
	port = config->in_port;
	in = bpf_map_lookup_elem(&rport, &port);
	if (!in)
		return ROUTER_NO_PORT;

	result = check_frame(config, in, eth);
	if (result != ROUTER_FORWARDED)
		return result;
	result = check_ip(config, ip, (__u64)(end - (void *)ip));
	if (result != ROUTER_FORWARDED)
		return result;
	if (is_for_port(in, ip->daddr))
		return ROUTER_LOCAL;

	result = find_neighbour(ip, &neighbour);
	if (result != ROUTER_FORWARDED)
		return result;
	if (!neighbour)
		return ROUTER_NO_NEIGHBOUR;
	port = neighbour->port;
	out = bpf_map_lookup_elem(&rport, &port);
	if (!out)
		return ROUTER_NO_PORT;
	if (ip->ttl <= 1)
		return ROUTER_TTL;
	if (bpf_ntohs(ip->tot_len) > out->mtu)
		return ROUTER_TOO_BIG;

	decrease_ttl(ip);
	__builtin_memcpy(eth->h_dest, neighbour->mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, out->mac, ETH_ALEN);
	*out_port = port;
	return ROUTER_FORWARDED;
}

SEC("xdp")
int router(struct xdp_md *ctx)
{
	__u64 size = ctx->data_end - ctx->data;
	__u32 out_port = 0;
	enum router_counter result = forward(ctx, &out_port);
	__u32 counter = result;
	struct router_count *count = bpf_map_lookup_elem(&stats, &counter);

	if (count) {
		count->packets++;
		count->bytes += size;
	}
	if (result == ROUTER_FORWARDED)
		return (int)bpf_redirect_map(&tx, out_port, XDP_DROP);
	return verdict(result);
}

char LICENSE[] SEC("license") = "GPL";
