// SPDX-License-Identifier: GPL-2.0-only
/* struct_on_callers_stack: a function fills a structure of its caller's frame, another reads it,
 * a third reads an element. */
#include "zoo.h"

struct parsed {
	__u32 source, target, words[4];
	__u16 length;
	__u8 protocol;
};

static __noinline int parse(struct xdp_md *ctx, struct parsed *out)
{
	struct iphdr *ip = find_ipv4(DATA(ctx), DATA_END(ctx));

	if (!ip)
		return -1;
	out->source = ip->saddr;
	out->target = ip->daddr;
	out->length = bpf_ntohs(ip->tot_len);
	out->protocol = ip->protocol;
	for (int i = 0; i < 4; i++)
		out->words[i] = ip->saddr >> (8 * i) ^ ip->id;
	return 0;
}

static __noinline __u32 pick(const struct parsed *parsed, __u32 i)
{
	return parsed->words[i & 3];
}

SEC("xdp")
int struct_on_callers_stack(struct xdp_md *ctx)
{
	struct parsed parsed = {};

	if (parse(ctx, &parsed))
		return XDP_PASS;
	if (pick(&parsed, parsed.protocol) & 1)
		return parsed.length > 100 ? XDP_TX : XDP_PASS;
	return XDP_DROP;
}
