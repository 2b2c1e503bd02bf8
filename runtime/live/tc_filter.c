// SPDX-License-Identifier: Apache-2.0
/* tc_filter: RTM_GETTFILTER, decoded. Changes nothing. Source: net/sched/cls_api.c
 * tc_dump_tfilter(), net/sched/cls_bpf.c cls_bpf_dump(). */
#include "runtime/live/tc_filter.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <string.h>

#include "runtime/common/rtnetlink.h"

enum { TRIES = 5 };

struct walk {
	uint32_t ifindex, parent;
	int (*visit)(void *arg, const struct hone_tc_filter *filter);
	void *arg;
};

static uint32_t parent_of(enum hone_hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT,
			 hook == HONE_HOOK_TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static void decode_options(const struct rtattr *options, struct hone_tc_filter *out)
{
	const struct rtattr *inner = RTA_DATA(options);
	size_t size = RTA_PAYLOAD(options);
	const struct rtattr *name = hone_rtnl_find(inner, size, TCA_BPF_NAME);
	uint32_t gen_flags = hone_rtnl_u32(hone_rtnl_find(inner, size, TCA_BPF_FLAGS_GEN));
	uint32_t flags = hone_rtnl_u32(hone_rtnl_find(inner, size, TCA_BPF_FLAGS));

	out->prog_id = hone_rtnl_u32(hone_rtnl_find(inner, size, TCA_BPF_ID));
	out->class_id = hone_rtnl_u32(hone_rtnl_find(inner, size, TCA_BPF_CLASSID));
	out->gen_flags = gen_flags & (TCA_CLS_FLAGS_SKIP_HW | TCA_CLS_FLAGS_SKIP_SW);
	if (name)
		snprintf(out->name, sizeof(out->name), "%.*s", (int)RTA_PAYLOAD(name),
			 (const char *)RTA_DATA(name));
	out->is_usable = out->prog_id && (flags & TCA_BPF_FLAG_ACT_DIRECT) &&
			 !(gen_flags & (TCA_CLS_FLAGS_SKIP_SW | TCA_CLS_FLAGS_IN_HW)) &&
			 !hone_rtnl_find(inner, size, TCA_BPF_ACT) &&
			 !hone_rtnl_find(inner, size, TCA_BPF_POLICE);
}

static int take(void *arg, const struct nlmsghdr *message)
{
	const struct walk *walk = arg;
	const struct tcmsg *tc = NLMSG_DATA(message);
	const struct rtattr *attributes = TCA_RTA(tc), *kind, *options;
	size_t size;
	struct hone_tc_filter filter = {0};

	if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < NLMSG_LENGTH(sizeof(*tc)))
		return 0;
	size = NLMSG_PAYLOAD(message, sizeof(*tc));
	kind = hone_rtnl_find(attributes, size, TCA_KIND);
	options = hone_rtnl_find(attributes, size, TCA_OPTIONS);
	/* without options: the priority as such */
	if (!kind || strncmp(RTA_DATA(kind), "bpf", RTA_PAYLOAD(kind)) || !options)
		return 0;
	decode_options(options, &filter);
	filter.ifindex = walk->ifindex;
	filter.parent = walk->parent;
	filter.priority = TC_H_MAJ(tc->tcm_info) >> 16;
	filter.protocol = (uint16_t)TC_H_MIN(tc->tcm_info);
	filter.handle = tc->tcm_handle;
	/* a block that several interfaces share cannot be changed through one of them */
	filter.is_usable &= tc->tcm_ifindex == (int)walk->ifindex &&
			    hone_rtnl_u32(hone_rtnl_find(attributes, size, TCA_CHAIN)) == 0;
	return filter.prog_id ? walk->visit(walk->arg, &filter) : 0;
}

int hone_tc_filters_visit(uint32_t ifindex, enum hone_hook hook,
			  int (*visit)(void *arg, const struct hone_tc_filter *filter), void *arg)
{
	struct walk walk = {
		.ifindex = ifindex, .parent = parent_of(hook), .visit = visit, .arg = arg};
	struct tcmsg tc = {.tcm_ifindex = (int)ifindex, .tcm_parent = walk.parent};
	struct hone_rtnl_request request;

	hone_rtnl_begin(&request, RTM_GETTFILTER, NLM_F_DUMP, &tc, sizeof(tc));
	return hone_rtnl_call(&request, take, &walk);
}

/* ---- one of them ---- */

struct search {
	const struct hone_target *at;
	struct hone_tc_filter *out;
	bool is_found;
};

static int take_if(void *arg, const struct hone_tc_filter *filter)
{
	struct search *search = arg;

	if (filter->priority == search->at->priority && filter->handle == search->at->handle) {
		*search->out = *filter;
		search->is_found = true;
	}
	return 0;
}

int hone_tc_filter_find(const struct hone_target *at, struct hone_tc_filter *out)
{
	struct search search = {.at = at, .out = out};
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		search.is_found = false;
		err = hone_tc_filters_visit(at->ifindex, at->hook, take_if, &search);
	}
	return err ? err : search.is_found ? 0 : -ENOENT;
}
