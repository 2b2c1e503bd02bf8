/* SPDX-License-Identifier: Apache-2.0 */
/* discover: what an operator's TARGET means now. */
#ifndef HONE_DISCOVER_H
#define HONE_DISCOVER_H

#include <net/if.h>
#include <stdint.h>

#include "compiler/facts.h"

enum hone_attach_kind {
	HONE_ATTACH_NETLINK_DRV, /* XDP, native, by netlink */
	HONE_ATTACH_NETLINK_SKB, /* XDP, generic, by netlink */
	HONE_ATTACH_LINK,	 /* XDP, bpf_link */
	HONE_ATTACH_N,
};

struct hone_target {
	char ifname[IF_NAMESIZE];
	uint32_t ifindex;
	uint64_t netns; /* inode */
	uint32_t prog_id;
	enum hone_attach_kind kind;
	uint32_t link_id; /* HONE_ATTACH_LINK */
};

/* hone_target_resolve() - interface name, id:N, or pinned path to an attached XDP program.
 *
 * netns_fd: network namespace to look in; borrowed. The caller's own stays as it was.
 *
 * Returns 0, -EINVAL (not a target), -ENODEV (no such interface), -ENOENT (nothing attached;
 * no such program; no such pin), -EMLINK (a program that is attached more than once), -ENOTSUP
 * (not an XDP program, hardware offload), or -errno. Logged. */
int hone_target_resolve(const char *text, int netns_fd, struct hone_target *out);

/* hone_target_pinned() - the program that a pin names, or that a pinned link attaches.
 * Returns 0, -ENOENT (no such pin), -EINVAL (not one), -ENOTSUP (of something else); *prog_id is
 * 0 then. Not logged. */
int hone_target_pinned(const char *path, uint32_t *prog_id);

/* hone_target_query() - what is attached to target->ifindex now: prog_id, kind, link_id.
 * -ENODEV: the interface is gone. -ENOENT: nothing. */
int hone_target_query(int netns_fd, uint32_t ifindex, struct hone_target *out);

/* hone_netns_enter() - run the following in another network namespace; returns an fd of the
 * previous one for hone_netns_leave(), or -errno. Per thread. */
int hone_netns_enter(int netns_fd);
void hone_netns_leave(int previous_fd);

#endif
