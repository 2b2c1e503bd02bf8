// SPDX-License-Identifier: GPL-2.0-only
/* gtp_decap: a user plane: the tunnel's endpoint is looked up, options of the header are
 * skipped. */
#include "zoo.h"

struct gtp {
	__u8 flags, type;
	__be16 length;
	__be32 endpoint;
};
struct session {
	__u32 action;
	__u64 packets, bytes;
};
MAP(HASH, sessions, __u8, struct session, 256);

SEC("xdp")
int gtp_decap(struct xdp_md *ctx)
{
	void *end = DATA_END(ctx);
	struct iphdr *ip = find_ipv4(DATA(ctx), end);
	struct udphdr *udp = (void *)(ip + 1);
	struct gtp *gtp = (void *)(udp + 1);
	struct session *session;
	__u8 key, flags;

	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (void *)(gtp + 1) > end)
		return XDP_PASS;
	if (udp->dest != bpf_htons(2152) || gtp->type != 255)
		return XDP_PASS;
	key = (__u8)bpf_ntohl(gtp->endpoint);
	flags = gtp->flags;
	session = bpf_map_lookup_elem(&sessions, &key);
	if (!session)
		return XDP_DROP;
	session->packets++;
	session->bytes += bpf_ntohs(gtp->length);
	if (bpf_xdp_adjust_head(ctx, flags & 7 ? 40 : 36))
		return XDP_ABORTED;
	return session->action & 1 ? XDP_TX : XDP_PASS;
}
