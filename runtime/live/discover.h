/* SPDX-License-Identifier: Apache-2.0 */
/* discover: what an operator's TARGET means now, and what else is attached. */
#ifndef HONE_DISCOVER_H
#define HONE_DISCOVER_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/facts.h"

enum hone_attach_kind {
	HONE_ATTACH_NETLINK_DRV, /* XDP, native, by netlink */
	HONE_ATTACH_NETLINK_SKB, /* XDP, generic, by netlink */
	HONE_ATTACH_LINK,	 /* XDP, bpf_link */
	HONE_ATTACH_CLS_BPF,	 /* tc: direct-action filter of clsact or ingress */
	HONE_ATTACH_TCX,	 /* tcx: BPF_PROG_ATTACH */
	HONE_ATTACH_TCX_LINK,	 /* tcx: bpf_link */
	HONE_ATTACH_N,
};

/* Where on an interface's way of packets. */
enum hone_hook {
	HONE_HOOK_XDP,
	HONE_HOOK_TC_INGRESS,
	HONE_HOOK_TC_EGRESS,
	HONE_HOOK_TCX_INGRESS,
	HONE_HOOK_TCX_EGRESS,
	HONE_HOOK_N,
};

enum { HONE_TARGET_NAME = 64, HONE_UNIT_NAME = 64 };

struct hone_target {
	/* The point: stays the same while programs are replaced there. */
	uint32_t ifindex;
	uint64_t netns; /* inode */
	enum hone_hook hook;
	uint32_t priority; /* tc: of the filter; else 0 */
	uint32_t handle;   /* tc: of the filter; tcx: id of the original, since many may be there */
	/* What is there. */
	uint32_t prog_id;
	enum hone_attach_kind kind;
	uint32_t link_id; /* of kinds that are links */
	char ifname[IF_NAMESIZE];
	char name[HONE_TARGET_NAME]; /* as an operator may write it: hone_target_set_name() */
};

struct hone_targets {
	uint32_t n;
	struct hone_target *at;
};

/* ---- target_name.c: texts ---- */

bool hone_hook_is_tcx(enum hone_hook hook);

/* A TARGET that names an interface: NAME, tc:NAME:ingress[:PRIORITY:HANDLE], tcx:NAME:egress[:ID].
 */
struct hone_target_text {
	char ifname[IF_NAMESIZE];
	enum hone_hook hook;
	uint32_t priority, handle; /* 0: whichever is there */
};

/* hone_target_parse() - 0, or -EINVAL: nothing of the kind. */
int hone_target_parse(const char *text, struct hone_target_text *out);

/* Does the text name this target, given that its network namespace is the right one? */
bool hone_target_matches(const struct hone_target *target, const struct hone_target_text *text);

/* Same interface, hook and place there? */
bool hone_target_is_same_point(const struct hone_target *a, const struct hone_target *b);

/* Writes target->name from the rest. */
void hone_target_set_name(struct hone_target *target);

/* hone_target_unit_name() - a file name for the point; hone_target_from_unit_name() - the point
 * again (ifindex, netns, hook, priority, handle; the rest is zero), or -EINVAL. */
void hone_target_unit_name(const struct hone_target *target, char out[HONE_UNIT_NAME]);
int hone_target_from_unit_name(const char *name, struct hone_target *out);

/* ---- discover.c: the kernel's answers ---- */

/* hone_target_resolve() - a text as above, id:N, or a pinned path, to an attached XDP or tc
 * program.
 *
 * netns_fd: network namespace to look in; borrowed. The caller's own stays as it was.
 *
 * Returns 0, -EINVAL (not a target), -ENODEV (no such interface), -ENOENT (nothing attached;
 * no such program; no such pin), -EMLINK (attached more than once, or several are at that hook),
 * -ENOTSUP (neither XDP nor tc, hardware offload, a tc filter that is not direct-action), or
 * -errno. Logged. */
int hone_target_resolve(const char *text, int netns_fd, struct hone_target *out);

/* hone_target_pinned() - the program that a pin names, or that a pinned link attaches.
 * Returns 0, -ENOENT (no such pin), -EINVAL (not one), -ENOTSUP (of something else); *prog_id is
 * 0 then. Not logged. */
int hone_target_pinned(const char *path, uint32_t *prog_id);

/* hone_target_query() - what is attached at the point of `at` now: prog_id, kind, link_id.
 * Where several can be at one hook without a place of their own (tcx), it is the one that is
 * program at->prog_id or `also`, else any.
 * -ENODEV: the interface is gone. -ENOENT: nothing. */
int hone_target_query(int netns_fd, const struct hone_target *at, uint32_t also,
		      struct hone_target *out);

/* hone_target_list() - append everything that is attached to an interface; what cannot be told
 * apart or used is left out. The caller frees with hone_targets_free(), also after an error.
 * Returns 0, -ENODEV, or -errno. */
int hone_target_list(int netns_fd, uint32_t ifindex, struct hone_targets *out);
int hone_target_list_named(int netns_fd, const char *ifname, struct hone_targets *out);
void hone_targets_free(struct hone_targets *targets);

/* hone_netns_enter() - run the following in another network namespace; returns an fd of the
 * previous one for hone_netns_leave(), or -errno. Per thread. */
int hone_netns_enter(int netns_fd);
void hone_netns_leave(int previous_fd);

#endif
