// SPDX-License-Identifier: Apache-2.0
/* attach_tc: a filter's or a tcx entry's program, replaced in its place.
 *
 * tcx compares and swaps. cls_bpf cannot: netlink has no word for "if that one is still there".
 * Its program is asked for right before and right after. An owner who replaces it between the
 * question and our change, some microseconds, loses what he put there, unnoticed; one who replaces
 * it after our change is told of (-EBUSY) and stays.
 * All that a filter is besides its program (protocol, class, name) is said again as it was.
 * Packets meet one program or the other: net/sched/cls_bpf.c cls_bpf_change() replaces the list's
 * entry under RCU. */
#include "runtime/deploy/attach_tc.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "runtime/common/rtnetlink.h"
#include "runtime/common/sys.h"
#include "runtime/common/tcx.h"
#include "runtime/live/tc_filter.h"

/* As `tc filter change` does it: what is not there is not made. */
static int change_filter(const struct hone_tc_filter *filter, int prog_fd)
{
	struct tcmsg tc = {
		.tcm_ifindex = (int)filter->ifindex,
		.tcm_parent = filter->parent,
		.tcm_handle = filter->handle,
		.tcm_info = TC_H_MAKE(filter->priority << 16, filter->protocol),
	};
	uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT, fd = (uint32_t)prog_fd;
	struct hone_rtnl_request request;
	struct rtattr *options;

	hone_rtnl_begin(&request, RTM_NEWTFILTER, 0, &tc, sizeof(tc));
	hone_rtnl_put(&request, TCA_KIND, "bpf", sizeof("bpf"));
	options = hone_rtnl_nest(&request, TCA_OPTIONS);
	hone_rtnl_put(&request, TCA_BPF_FD, &fd, sizeof(fd));
	hone_rtnl_put(&request, TCA_BPF_NAME, filter->name, strlen(filter->name) + 1);
	hone_rtnl_put(&request, TCA_BPF_FLAGS, &flags, sizeof(flags));
	if (filter->gen_flags)
		hone_rtnl_put(&request, TCA_BPF_FLAGS_GEN, &filter->gen_flags,
			      sizeof(filter->gen_flags));
	if (filter->class_id)
		hone_rtnl_put(&request, TCA_BPF_CLASSID, &filter->class_id,
			      sizeof(filter->class_id));
	hone_rtnl_end(&request, options);
	return hone_rtnl_call(&request, NULL, NULL);
}

/* The filter, if it runs this program. */
static int find_filter_with(const struct hone_target *target, int prog_fd,
			    struct hone_tc_filter *out)
{
	struct bpf_prog_info info;
	int err = hone_prog_info(prog_fd, &info);

	if (!err)
		err = hone_tc_filter_find(target, out);
	if (err)
		return err;
	return out->is_usable && out->prog_id == info.id ? 0 : -EBUSY;
}

int hone_replace_cls_bpf(const struct hone_target *target, int old_fd, int new_fd)
{
	struct hone_tc_filter filter;
	int err = find_filter_with(target, old_fd, &filter);

	err = err ? err : change_filter(&filter, new_fd);
	return err ? err : find_filter_with(target, new_fd, &filter);
}

int hone_replace_tcx(const struct hone_target *target, int old_fd, int new_fd)
{
	return hone_tcx_replace(target->ifindex,
				target->hook == HONE_HOOK_TCX_INGRESS ? HONE_TCX_INGRESS
								      : HONE_TCX_EGRESS,
				old_fd, new_fd);
}
