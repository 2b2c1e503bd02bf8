/* SPDX-License-Identifier: Apache-2.0 */
/* zoo: what the programs here share: names for maps, the way to an IPv4 header, a five-tuple laid
 * out as the keys that test packets carry. */
#ifndef HONE_ZOO_H
#define HONE_ZOO_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

#define MAP(kind, name, key_type, value_type, n_entries)                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, n_entries);                                                    \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

#define DATA(ctx) ((void *)(long)(ctx)->data)
#define DATA_END(ctx) ((void *)(long)(ctx)->data_end)

struct tuple {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u8 proto, unused[3];
};

struct ports {
	__be16 source, dest;
};

/* The value is used for nothing but must be computed. */
#define OPAQUE(x) asm volatile("" : "+r"(x))

static __always_inline struct iphdr *find_ipv4(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return NULL;
	return ip;
}

static __always_inline struct ipv6hdr *find_ipv6(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return NULL;
	return ip;
}

/* TCP or UDP over IPv4 without options. */
static __always_inline bool read_tuple(void *data, void *end, struct tuple *out)
{
	struct iphdr *ip = find_ipv4(data, end);
	struct ports *ports = (void *)(ip + 1);

	if (!ip || ip->ihl != 5 || (void *)(ports + 1) > end ||
	    (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return false;
	*out = (struct tuple){.saddr = ip->saddr,
			      .daddr = ip->daddr,
			      .sport = ports->source,
			      .dport = ports->dest,
			      .proto = ip->protocol};
	return true;
}

#endif
