// SPDX-License-Identifier: Apache-2.0
/* discover: TARGET → interface, program, and how it is attached. Changes nothing.
 *
 * Link enumeration is over the whole machine and names an interface only by its number, which
 * other network namespaces use as well; what is attached inside the namespace decides. */
#include "runtime/live/discover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

int hone_netns_enter(int netns_fd)
{
	_cleanup_close_ int previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (previous < 0)
		return hone_log_err(-errno, "/proc/thread-self/ns/net");
	if (setns(netns_fd, CLONE_NEWNET))
		return hone_log_err(-errno, "cannot enter the network namespace");
	return TAKE_FD(previous);
}

void hone_netns_leave(int previous_fd)
{
	if (setns(previous_fd, CLONE_NEWNET)) {
		/* Whatever came next would happen to another namespace's interfaces. */
		hone_log_err(-errno, "cannot return to the network namespace");
		abort();
	}
	close(previous_fd);
}

static void cleanup_netns(const int *previous_fd)
{
	if (*previous_fd >= 0)
		hone_netns_leave(*previous_fd);
}

#define _cleanup_netns_ _cleanup_(cleanup_netns)

/* ---- what is attached to one interface; inside its namespace ---- */

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

static int query_here(uint32_t ifindex, struct hone_target *out)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct hone_target target = {.ifindex = ifindex};
	int err;

	if (!if_indextoname(ifindex, target.ifname))
		return -ENODEV;
	err = bpf_xdp_query((int)ifindex, 0, &opts);
	if (err)
		return err;
	if (opts.attach_mode >= sizeof(modes) / sizeof(modes[0]))
		return -ENOTSUP;
	if (modes[opts.attach_mode].err)
		return modes[opts.attach_mode].err;
	target.kind = modes[opts.attach_mode].kind;
	target.prog_id = opts.prog_id;
	err = find_kind(&target, modes[opts.attach_mode].flag);
	if (err)
		return err;
	target.netns = out->netns;
	*out = target;
	return 0;
}

static int netns_inode(int netns_fd, uint64_t *inode)
{
	struct stat st;

	if (fstat(netns_fd, &st))
		return -errno;
	*inode = st.st_ino;
	return 0;
}

int hone_target_query(int netns_fd, uint32_t ifindex, struct hone_target *out)
{
	struct hone_target target = {0};
	_cleanup_netns_ int previous = -1;
	int err = netns_inode(netns_fd, &target.netns);

	if (err)
		return err;
	previous = hone_netns_enter(netns_fd);
	if (previous < 0)
		return previous;
	err = query_here(ifindex, &target);
	if (!err)
		*out = target;
	return err;
}

/* ---- what TARGET means ---- */

/* Where in this namespace a program is attached. */
static int find_attachment(uint32_t prog_id, struct hone_target *out)
{
	struct if_nameindex *interfaces = if_nameindex();
	struct hone_target found = {0};
	int n = 0, err = 0;

	if (!interfaces)
		return -errno;
	for (const struct if_nameindex *at = interfaces; at->if_index && !err; at++) {
		struct hone_target here = {.netns = out->netns};
		LIBBPF_OPTS(bpf_xdp_query_opts, opts);

		if (bpf_xdp_query((int)at->if_index, 0, &opts) || opts.prog_id != prog_id)
			continue;
		n++;
		err = query_here(at->if_index, &here);
		found = here;
	}
	if_freenameindex(interfaces);
	if (err || n != 1)
		return err ? err : n ? -EMLINK : -ENOENT;
	*out = found;
	return 0;
}

static int resolve_program(uint32_t prog_id, struct hone_target *out)
{
	struct bpf_prog_info info;
	int err = hone_prog_info_by_id(prog_id, &info);

	if (err)
		return err;
	return info.type == BPF_PROG_TYPE_XDP ? find_attachment(prog_id, out) : -ENOTSUP;
}

static int resolve_id(const char *digits, struct hone_target *out)
{
	unsigned long id;
	char *end;

	errno = 0;
	id = strtoul(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno || id == 0 || id > UINT32_MAX)
		return -EINVAL;
	return resolve_program((uint32_t)id, out);
}

int hone_target_pinned(const char *path, uint32_t *prog_id)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_prog_info program;
	struct bpf_link_info link;

	*prog_id = 0;
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EINVAL;
	if (!hone_prog_info(fd, &program))
		*prog_id = program.id;
	else if (!hone_link_info(fd, &link))
		*prog_id = link.prog_id;
	return *prog_id ? 0 : -ENOTSUP;
}

static int resolve_path(const char *path, struct hone_target *out)
{
	uint32_t prog_id = 0;
	int err = hone_target_pinned(path, &prog_id);

	return err ? err : resolve_program(prog_id, out);
}

static int resolve_interface(const char *name, struct hone_target *out)
{
	uint32_t ifindex;

	if (*name == '\0' || strlen(name) >= IF_NAMESIZE)
		return -EINVAL;
	ifindex = if_nametoindex(name);
	return ifindex ? query_here(ifindex, out) : -ENODEV;
}

/* Errors of this file, as an operator should read them. */
static int tell(int err, const char *text)
{
	const char *why = err == -EINVAL    ? "neither an interface, id:N, nor a pinned program"
			  : err == -ENODEV  ? "no such interface in this network namespace"
			  : err == -ENOENT  ? "no XDP program is attached there"
			  : err == -EMLINK  ? "attached more than once: name the interface"
			  : err == -ENOTSUP ? "not an XDP program that the kernel runs itself"
					    : "cannot be resolved";

	return err ? hone_log_err(err, "%s: %s", text, why) : 0;
}

int hone_target_resolve(const char *text, int netns_fd, struct hone_target *out)
{
	struct hone_target target = {0};
	_cleanup_netns_ int previous = -1;
	int err = netns_inode(netns_fd, &target.netns);

	if (err)
		return tell(err, text);
	previous = hone_netns_enter(netns_fd);
	if (previous < 0)
		return previous;
	if (strncmp(text, "id:", 3) == 0)
		err = resolve_id(text + 3, &target);
	else if (strchr(text, '/'))
		err = resolve_path(text, &target);
	else
		err = resolve_interface(text, &target);
	if (!err)
		*out = target;
	return tell(err, text);
}
