// SPDX-License-Identifier: Apache-2.0
/* attach: one operation per kind of attachment. Every replacement names the program that must be
 * there: what an owner changed meanwhile is never overwritten. */
#include "runtime/deploy/attach.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/attach_tc.h"

static int replace_netlink(const struct hone_target *target, int old_fd, int new_fd, uint32_t mode)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);
	int err = bpf_xdp_attach((int)target->ifindex, new_fd, mode | XDP_FLAGS_REPLACE, &opts);

	/* -EEXIST: another program than old_fd (net/core/dev.c dev_xdp_attach()) */
	return err == -EEXIST ? -EBUSY : err;
}

static int replace_driver(const struct hone_target *target, int old_fd, int new_fd)
{
	return replace_netlink(target, old_fd, new_fd, XDP_FLAGS_DRV_MODE);
}

static int replace_generic(const struct hone_target *target, int old_fd, int new_fd)
{
	return replace_netlink(target, old_fd, new_fd, XDP_FLAGS_SKB_MODE);
}

static int replace_link(const struct hone_target *target, int old_fd, int new_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE,
		    .old_prog_fd = (uint32_t)old_fd);
	_cleanup_close_ int link_fd = bpf_link_get_fd_by_id(target->link_id);

	if (link_fd < 0)
		return -errno;
	if (!bpf_link_update(link_fd, new_fd, &opts))
		return 0;
	switch (errno) {
	case EPERM:
		return -EBUSY; /* another program than old_fd */
	case ENOLINK:
		return -ENODEV; /* the interface took its link along */
	default:
		return -errno;
	}
}

static int (*const replace_ops[])(const struct hone_target *target, int old_fd, int new_fd) = {
	[HONE_ATTACH_NETLINK_DRV] = replace_driver, [HONE_ATTACH_NETLINK_SKB] = replace_generic,
	[HONE_ATTACH_LINK] = replace_link,	    [HONE_ATTACH_CLS_BPF] = hone_replace_cls_bpf,
	[HONE_ATTACH_TCX] = hone_replace_tcx,	    [HONE_ATTACH_TCX_LINK] = replace_link,
};
static_assert(sizeof(replace_ops) / sizeof(replace_ops[0]) == HONE_ATTACH_N,
	      "a kind of attachment without an operation");

int hone_attach_replace(int netns_fd, const struct hone_target *target, int old_fd, int new_fd)
{
	int previous = hone_netns_enter(netns_fd), err;

	if (previous < 0)
		return hone_log_err(previous, "%s: cannot enter its network namespace",
				    target->name);
	err = replace_ops[target->kind](target, old_fd, new_fd);
	hone_netns_leave(previous);
	return err ? hone_log_err(err, "%s: cannot replace the program", target->name) : 0;
}
