// SPDX-License-Identifier: Apache-2.0
/* attached: the programs at one hook of an interface, by netlink and bpf(2). Changes nothing.
 *
 * XDP: link enumeration is over the whole machine and names an interface only by its number, which
 * other network namespaces use as well; what is attached inside the namespace decides. */
#include "runtime/live/attached.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/common/tcx.h"
#include "runtime/live/tc_filter.h"

enum { TRIES = 5 };

/* ---- XDP ---- */

static const struct {
	int err;
	uint32_t flag;
	enum hone_attach_kind kind;
} modes[] = {
	[XDP_ATTACHED_NONE] = {.err = -ENOENT},
	[XDP_ATTACHED_DRV] = {.flag = XDP_FLAGS_DRV_MODE, .kind = HONE_ATTACH_NETLINK_DRV},
	[XDP_ATTACHED_SKB] = {.flag = XDP_FLAGS_SKB_MODE, .kind = HONE_ATTACH_NETLINK_SKB},
	[XDP_ATTACHED_HW] = {.err = -ENOTSUP},
	[XDP_ATTACHED_MULTI] = {.err = -ENOTSUP},
};

/* Links of this program on an interface of this number, in whatever namespace. */
static int find_links(uint32_t ifindex, uint32_t prog_id, uint32_t *link_id)
{
	uint32_t id = 0;
	int n = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);
		struct bpf_link_info info;

		if (fd < 0 || hone_link_info(fd, &info)) /* gone meanwhile */
			continue;
		if (info.type != BPF_LINK_TYPE_XDP || info.xdp.ifindex != ifindex ||
		    info.prog_id != prog_id)
			continue;
		*link_id = id;
		n++;
	}
	return n;
}

/* Is the program held by a link, and not by netlink? Asks to replace it by itself, which the
 * kernel refuses with EBUSY under a link and takes for done otherwise (net/core/dev.c
 * dev_xdp_attach(): nothing is installed when old and new are the same). */
static int is_held_by_link(uint32_t ifindex, uint32_t prog_id, uint32_t mode_flag)
{
	_cleanup_close_ int prog = bpf_prog_get_fd_by_id(prog_id);
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = prog);
	int err;

	if (prog < 0)
		return -errno;
	err = bpf_xdp_attach((int)ifindex, prog, mode_flag | XDP_FLAGS_REPLACE, &opts);
	return err == -EBUSY ? 1 : err;
}

static int find_kind(struct hone_target *target, uint32_t mode_flag)
{
	uint32_t link_id = 0;
	int n_links = find_links(target->ifindex, target->prog_id, &link_id);
	int by_link;

	if (n_links == 0)
		return 0; /* netlink */
	by_link = is_held_by_link(target->ifindex, target->prog_id, mode_flag);
	if (by_link <= 0)
		return by_link;
	if (n_links > 1) /* same number, same program, two namespaces: which is whose? */
		return -EMLINK;
	target->kind = HONE_ATTACH_LINK;
	target->link_id = link_id;
	return 0;
}

static int query_xdp(uint32_t ifindex, struct hone_target *out)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct hone_target target = *out;
	int err = bpf_xdp_query((int)ifindex, 0, &opts);

	if (err)
		return err;
	if (opts.attach_mode >= sizeof(modes) / sizeof(modes[0]))
		return -ENOTSUP;
	if (modes[opts.attach_mode].err)
		return modes[opts.attach_mode].err;
	target.kind = modes[opts.attach_mode].kind;
	target.prog_id = opts.prog_id;
	err = find_kind(&target, modes[opts.attach_mode].flag);
	if (!err)
		*out = target;
	return err;
}

/* ---- lists: a hook's programs, appended; `wanted` alone unless it is 0 ---- */

static int add(struct hone_targets *targets, const struct hone_target *target)
{
	struct hone_target *grown = reallocarray(targets->at, targets->n + 1, sizeof(*targets->at));

	if (!grown)
		return -ENOMEM;
	targets->at = grown;
	targets->at[targets->n] = *target;
	hone_target_set_name(&targets->at[targets->n++]);
	return 0;
}

void hone_targets_free(struct hone_targets *targets)
{
	free(TAKE_PTR(targets->at));
	targets->n = 0;
}

/* What a list op fills in. base: netns, ifindex, ifname and hook of each. */
struct listing {
	struct hone_target base;
	uint32_t wanted;
	uint32_t n_unusable;
	struct hone_targets *out;
};

static int list_xdp(struct listing *listing)
{
	struct hone_target target = listing->base;
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err;

	if (listing->wanted &&
	    (bpf_xdp_query((int)target.ifindex, 0, &opts) || opts.prog_id != listing->wanted))
		return -ENOENT;
	err = query_xdp(target.ifindex, &target);
	return err ? err : add(listing->out, &target);
}

static int add_filter(void *arg, const struct hone_tc_filter *filter)
{
	struct listing *listing = arg;
	struct hone_target target = listing->base;

	if (listing->wanted && listing->wanted != filter->prog_id)
		return 0;
	if (!filter->is_usable) {
		listing->n_unusable++;
		return 0;
	}
	target.kind = HONE_ATTACH_CLS_BPF;
	target.prog_id = filter->prog_id;
	target.priority = filter->priority;
	target.handle = filter->handle;
	return add(listing->out, &target);
}

static int list_tc(struct listing *listing)
{
	struct hone_targets *out = listing->out;
	uint32_t n = out->n;
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		out->n = n; /* the filters changed while they were read */
		err = hone_tc_filters_visit(listing->base.ifindex, listing->base.hook, add_filter,
					    listing);
	}
	return err;
}

static int list_tcx(struct listing *listing)
{
	uint32_t type =
		listing->base.hook == HONE_HOOK_TCX_INGRESS ? HONE_TCX_INGRESS : HONE_TCX_EGRESS;
	struct hone_tcx_entry entries[HONE_TCX_MAX];
	int n = hone_tcx_query(listing->base.ifindex, type, entries), err = 0;

	for (int i = 0; i < n && !err; i++) {
		struct hone_target target = listing->base;

		if (listing->wanted && listing->wanted != entries[i].prog_id)
			continue;
		target.kind = entries[i].link_id ? HONE_ATTACH_TCX_LINK : HONE_ATTACH_TCX;
		target.prog_id = target.handle = entries[i].prog_id;
		target.link_id = entries[i].link_id;
		err = add(listing->out, &target);
	}
	return n == -EINVAL ? 0 : n < 0 ? n : err; /* a kernel without tcx has nothing there */
}

static int (*const list_ops[])(struct listing *listing) = {
	[HONE_HOOK_XDP] = list_xdp,	   [HONE_HOOK_TC_INGRESS] = list_tc,
	[HONE_HOOK_TC_EGRESS] = list_tc,   [HONE_HOOK_TCX_INGRESS] = list_tcx,
	[HONE_HOOK_TCX_EGRESS] = list_tcx,
};
static_assert(sizeof(list_ops) / sizeof(list_ops[0]) == HONE_HOOK_N,
	      "a new hook needs to be listed");

int hone_attached_list(uint64_t netns, uint32_t ifindex, enum hone_hook hook, uint32_t wanted,
		       struct hone_targets *out)
{
	struct listing listing = {
		.base = {.netns = netns, .ifindex = ifindex, .hook = hook},
		.wanted = wanted,
		.out = out,
	};
	uint32_t n = out->n;
	int err;

	if (!if_indextoname(ifindex, listing.base.ifname))
		return -ENODEV;
	err = list_ops[hook](&listing);
	if (err || out->n > n)
		return err;
	return listing.n_unusable ? -ENOTSUP : -ENOENT;
}
