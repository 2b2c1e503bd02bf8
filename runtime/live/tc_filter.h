/* SPDX-License-Identifier: Apache-2.0 */
/* tc_filter: BPF filters of an interface's clsact or ingress qdisc, by netlink. libbpf can ask
 * for one whose place is known, and tells neither its protocol nor its name. */
#ifndef HONE_TC_FILTER_H
#define HONE_TC_FILTER_H

#include "runtime/live/discover.h"

enum { HONE_TC_NAME_BYTES = 256 };

/* What a filter is, as far as it must be said again when its program is replaced. */
struct hone_tc_filter {
	uint32_t ifindex, parent; /* of the hook */
	uint32_t priority, handle, prog_id;
	uint32_t class_id;  /* 0: none */
	uint32_t gen_flags; /* TCA_CLS_FLAGS_*, those of the owner */
	uint16_t protocol;  /* network order */
	bool is_usable;	    /* direct action, own block, chain 0, in software, no actions */
	char name[HONE_TC_NAME_BYTES]; /* what tc shows */
};

/* hone_tc_filters_visit() - each BPF filter at HONE_HOOK_TC_*, in the calling thread's network
 * namespace. No qdisc: no filters. Returns 0, what visit returned, or -errno. */
int hone_tc_filters_visit(uint32_t ifindex, enum hone_hook hook,
			  int (*visit)(void *arg, const struct hone_tc_filter *filter), void *arg);

/* hone_tc_filter_find() - the one at a target's point. -ENOENT: none. */
int hone_tc_filter_find(const struct hone_target *at, struct hone_tc_filter *out);

#endif
