/* SPDX-License-Identifier: GPL-2.0-only */
/* parse: bounds-checked steps through a packet's headers.
 *
 * Each takes the place reached so far and the packet's end, and returns the header there, or
 * NULL where the packet ends too early; *at then stays. Nothing is changed or copied. */
#ifndef NF_PARSE_H
#define NF_PARSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { NF_VLAN_TAGS = 2 /* 802.1Q, or 802.1ad around it */ };

struct nf_vlan_tag {
	__be16 tci;
	__be16 proto; /* of what follows */
};

static __always_inline struct ethhdr *nf_parse_eth(void **at, void *end)
{
	struct ethhdr *eth = *at;

	if ((void *)(eth + 1) > end)
		return NULL;
	*at = eth + 1;
	return eth;
}

static __always_inline int nf_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* Skips up to NF_VLAN_TAGS tags and returns the protocol behind them: that of a tag where there
 * are more, or where the packet ends. */
static __always_inline __be16 nf_skip_vlans(void **at, void *end, __be16 proto)
{
#pragma unroll
	for (int i = 0; i < NF_VLAN_TAGS; i++) {
		struct nf_vlan_tag *tag = *at;

		if (!nf_is_vlan(proto) || (void *)(tag + 1) > end)
			break;
		proto = tag->proto;
		*at = tag + 1;
	}
	return proto;
}

/* A fixed IPv4 header; options, if any, follow *at. */
static __always_inline struct iphdr *nf_parse_ipv4(void **at, void *end)
{
	struct iphdr *ip = *at;

	if ((void *)(ip + 1) > end)
		return NULL;
	*at = ip + 1;
	return ip;
}

#endif
