// SPDX-License-Identifier: GPL-2.0-only
/* static_nat: one-to-one translation of IPv4 addresses on a tc hook, with exceptions by service.
 *
 * One side of a connection per instance: sources, or destinations (cfg). The maps are the loader's
 * to fill; the program only counts. Options, fragments and everything that is not IPv4 is left as
 * it is, and so is what ICMP errors quote. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "common/nat.h"
#include "common/parse.h"
#include "static_nat/static_nat.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct static_nat_config);
} nat_cfg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STATIC_NAT_HOSTS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __be32);
	__type(value, struct static_nat_binding);
} nat_hosts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STATIC_NAT_SERVICES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct static_nat_service);
	__type(value, struct static_nat_binding);
} nat_services SEC(".maps");

/* Other ends that are spoken to without translation. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STATIC_NAT_EXEMPTIONS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __be32);
	__type(value, __u32);
} nat_exempt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STATIC_NAT_COUNTER_N);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct static_nat_count);
} nat_stats SEC(".maps");

/* The verdict that belongs to each counter. */
static __always_inline int verdict(enum static_nat_counter counter)
{
	switch (counter) {
#define COUNTER(id, verdict, what)                                                                 \
	case STATIC_NAT_##id:                                                                      \
		return TC_ACT_##verdict;
		STATIC_NAT_COUNTERS(COUNTER)
#undef COUNTER
	default:
		return TC_ACT_SHOT;
	}
}

/* What is translated, and what it is read from. */
struct end {
	struct static_nat_service own;
	__be32 other;
};

/* Which of both ends is ours to translate is the configuration's choice. */
static __always_inline enum static_nat_counter read_ends(const struct __sk_buff *skb,
							 int is_destination, struct end *end)
{
	void *at = (void *)(long)skb->data, *limit = (void *)(long)skb->data_end;
	const struct ethhdr *eth = nf_parse_eth(&at, limit);
	const struct iphdr *ip;
	const __be16 *ports;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return STATIC_NAT_NOT_IPV4;
	ip = nf_parse_ipv4(&at, limit);
	if (!ip)
		return STATIC_NAT_NOT_IPV4;
	if (ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(0x3fff)))
		return STATIC_NAT_UNUSUAL;
	end->own.proto = ip->protocol;
	end->own.address = is_destination ? ip->daddr : ip->saddr;
	end->other = is_destination ? ip->saddr : ip->daddr;
	ports = at;
	if (!nf_l4_checksum_at(ip->protocol))
		return STATIC_NAT_TRANSLATED;
	if ((void *)(ports + 2) > limit)
		return STATIC_NAT_CUT;
	end->own.port = ports[is_destination ? 1 : 0];
	return STATIC_NAT_TRANSLATED;
}

static __always_inline const struct static_nat_binding *find_binding(const struct end *end)
{
	const struct static_nat_binding *binding = NULL;

	if (end->own.port)
		binding = bpf_map_lookup_elem(&nat_services, &end->own);
	return binding ? binding : bpf_map_lookup_elem(&nat_hosts, &end->own.address);
}

static __always_inline enum static_nat_counter translate(struct __sk_buff *skb,
							 const struct end *end, int is_destination,
							 __be32 address, __be16 port)
{
	__u32 address_at =
		is_destination ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr);
	__u32 port_at = is_destination ? 2 : 0;

	if (nf_set_address(skb, end->own.proto, address_at, end->own.address, address))
		return STATIC_NAT_CUT;
	if (port && end->own.port && nf_set_port(skb, end->own.proto, port_at, end->own.port, port))
		return STATIC_NAT_CUT;
	return STATIC_NAT_TRANSLATED;
}

static __always_inline enum static_nat_counter process(struct __sk_buff *skb)
{
	const struct static_nat_config *cfg;
	const struct static_nat_binding *binding;
	enum static_nat_counter counter;
	struct end end = {};
	__u32 zero = 0, flags;

	cfg = bpf_map_lookup_elem(&nat_cfg, &zero);
	if (!cfg)
		return STATIC_NAT_REFUSED;
	flags = cfg->flags;
	counter = read_ends(skb, flags & STATIC_NAT_DESTINATIONS, &end);
	if (counter != STATIC_NAT_TRANSLATED)
		return counter;
	if (bpf_map_lookup_elem(&nat_exempt, &end.other))
		return STATIC_NAT_EXEMPT;
	binding = find_binding(&end);
	if (!binding)
		return flags & STATIC_NAT_STRICT ? STATIC_NAT_REFUSED : STATIC_NAT_NO_BINDING;
	if (flags & STATIC_NAT_MARK)
		skb->mark = binding->mark;
	return translate(skb, &end, flags & STATIC_NAT_DESTINATIONS, binding->address,
			 binding->port);
}

SEC("tc")
int static_nat(struct __sk_buff *skb)
{
	enum static_nat_counter counter = process(skb);
	__u32 key = counter;
	struct static_nat_count *count = bpf_map_lookup_elem(&nat_stats, &key);

	if (count) {
		count->packets++;
		count->bytes += skb->len;
	}
	return verdict(counter);
}

char LICENSE[] SEC("license") = "GPL";
