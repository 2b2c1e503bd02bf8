/* SPDX-License-Identifier: GPL-2.0-only */
/* nat: IPv4 addresses and ports in an skb, changed with their checksums.
 *
 * The helpers that change checksums may move the packet: pointers into it are stale afterwards,
 * and so these take offsets from the frame's start. All return 0, or a negative number where the
 * packet ends too early. */
#ifndef NF_NAT_H
#define NF_NAT_H

#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_helpers.h>

enum { NF_IP_AT = ETH_HLEN, NF_L4_AT = ETH_HLEN + sizeof(struct iphdr) };

/* Where the checksum of a protocol is; 0: it has none that covers addresses. */
static __always_inline __u32 nf_l4_checksum_at(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return NF_L4_AT + offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return NF_L4_AT + offsetof(struct udphdr, check);
	default:
		return 0;
	}
}

/* The flags of bpf_l4_csum_replace(): a UDP checksum of 0 is none, and stays none. */
static __always_inline __u64 nf_l4_flags(__u8 proto)
{
	return proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

/* The address at NF_IP_AT + offset of the header: from → to. */
static __always_inline long nf_set_address(struct __sk_buff *skb, __u8 proto, __u32 offset,
					   __be32 from, __be32 to)
{
	__u32 l4_at = nf_l4_checksum_at(proto);
	__be32 *address;

	if (l4_at && bpf_l4_csum_replace(skb, l4_at, from, to,
					 nf_l4_flags(proto) | BPF_F_PSEUDO_HDR | sizeof(to)))
		return -1;
	if (bpf_l3_csum_replace(skb, NF_IP_AT + offsetof(struct iphdr, check), from, to,
				sizeof(to)))
		return -1;
	address = (void *)(long)skb->data + NF_IP_AT + offset;
	if ((void *)(address + 1) > (void *)(long)skb->data_end)
		return -1;
	*address = to;
	return 0;
}

/* The port at NF_L4_AT + offset of the header: from → to. TCP and UDP only. */
static __always_inline long nf_set_port(struct __sk_buff *skb, __u8 proto, __u32 offset,
					__be16 from, __be16 to)
{
	__be16 *port;

	if (bpf_l4_csum_replace(skb, nf_l4_checksum_at(proto), from, to,
				nf_l4_flags(proto) | sizeof(to)))
		return -1;
	port = (void *)(long)skb->data + NF_L4_AT + offset;
	if ((void *)(port + 1) > (void *)(long)skb->data_end)
		return -1;
	*port = to;
	return 0;
}

#endif
