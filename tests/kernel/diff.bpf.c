// SPDX-License-Identifier: GPL-2.0-only
/* diff: programs for differential runs: branches that few packets reach, contexts, redirects. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { TC_ACT_OK = 0, TC_ACT_SHOT = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct header {
	__be16 port;
	__u8 kind;
	__u8 length;
	__be32 magic;
};

static __always_inline void count(__u32 index)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &index);

	if (n)
		(*n)++;
}

/* Behind four comparisons that random packets do not pass. */
SEC("xdp")
int deep(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct header *header = data + sizeof(*eth);

	if ((void *)(header + 1) > end)
		return XDP_ABORTED;
	if (eth->h_proto != bpf_htons(0x88b5))
		return XDP_PASS;
	count(0);
	if (header->port != bpf_htons(12345))
		return XDP_PASS;
	count(1);
	if ((header->kind & 0xf0) != 0x70)
		return XDP_DROP;
	count(2);
	if (header->magic != bpf_htonl(0xfeedc0de))
		return XDP_DROP;
	count(3);
	header->length = 0;
	return XDP_TX;
}

/* A packet's copy must not be sent, a mark must be compared. */
SEC("tc")
int classify(struct __sk_buff *skb)
{
	__u32 key = skb->mark, ifindex = 1;
	__u64 *flow = bpf_map_lookup_elem(&flows, &key), one = 1;

	if (!flow) {
		bpf_map_update_elem(&flows, &key, &one, BPF_ANY);
		skb->mark = 77;
		skb->cb[1] = skb->len;
		return bpf_clone_redirect(skb, ifindex, 0) ? TC_ACT_SHOT : TC_ACT_OK;
	}
	skb->priority = (__u32)++ * flow;
	return bpf_redirect(ifindex, 0);
}

char _license[] SEC("license") = "GPL";
