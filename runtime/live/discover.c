// SPDX-License-Identifier: Apache-2.0
/* discover: TARGET → interface, program, and how it is attached. Changes nothing. What is attached
 * where is attached.c's to ask, inside the network namespace that this file enters. */
#include "runtime/live/discover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/attached.h"

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
#define _cleanup_targets_ _cleanup_(hone_targets_free)

static int netns_inode(int netns_fd, uint64_t *inode)
{
	struct stat st;

	if (fstat(netns_fd, &st))
		return -errno;
	*inode = st.st_ino;
	return 0;
}

/* ---- what is at a point ---- */

/* Of those at the point's hook; NULL: none is at the point. */
static const struct hone_target *pick(const struct hone_targets *targets,
				      const struct hone_target *at, uint32_t also)
{
	bool is_tcx = hone_hook_is_tcx(at->hook);
	const struct hone_target *found = NULL;

	for (uint32_t i = 0; i < targets->n; i++) {
		const struct hone_target *target = &targets->at[i];

		if (is_tcx ? target->prog_id == at->prog_id || (also && target->prog_id == also)
			   : hone_target_is_same_point(target, at))
			return target;
		if (is_tcx)
			found = target;
	}
	return found;
}

static int query_here(const struct hone_target *at, uint32_t also, struct hone_target *out)
{
	_cleanup_targets_ struct hone_targets targets = {0};
	int err = hone_attached_list(at->netns, at->ifindex, at->hook, 0, &targets);
	const struct hone_target *found = pick(&targets, at, also);

	if (!found)
		return err ? err : -ENOENT;
	*out = *found;
	out->handle = at->handle; /* tcx: the point keeps its name */
	hone_target_set_name(out);
	return 0;
}

int hone_target_query(int netns_fd, const struct hone_target *at, uint32_t also,
		      struct hone_target *out)
{
	struct hone_target point = *at;
	_cleanup_netns_ int previous = -1;
	int err = netns_inode(netns_fd, &point.netns);

	if (err)
		return err;
	previous = hone_netns_enter(netns_fd);
	return previous < 0 ? previous : query_here(&point, also, out);
}

/* name: instead of the number; NULL: the number counts. */
static int list_all(int netns_fd, const char *name, uint32_t ifindex, struct hone_targets *out)
{
	_cleanup_netns_ int previous = -1;
	uint64_t netns;
	int err = netns_inode(netns_fd, &netns);

	if (err)
		return err;
	previous = hone_netns_enter(netns_fd);
	if (previous < 0)
		return previous;
	if (name)
		ifindex = if_nametoindex(name);
	for (int hook = 0; hook < HONE_HOOK_N && err != -ENODEV && err != -ENOMEM; hook++)
		err = hone_attached_list(netns, ifindex, (enum hone_hook)hook, 0, out);
	return err == -ENODEV || err == -ENOMEM ? err : 0;
}

int hone_target_list(int netns_fd, uint32_t ifindex, struct hone_targets *out)
{
	return list_all(netns_fd, NULL, ifindex, out);
}

int hone_target_list_named(int netns_fd, const char *ifname, struct hone_targets *out)
{
	return list_all(netns_fd, ifname, 0, out);
}

/* ---- what TARGET means ---- */

static int only_one(const struct hone_targets *targets, struct hone_target *out)
{
	if (targets->n != 1)
		return targets->n ? -EMLINK : -ENOENT;
	*out = targets->at[0];
	return 0;
}

/* Where in this namespace a program is attached. */
static int find_attachment(uint32_t prog_id, enum hone_hook first, enum hone_hook last,
			   struct hone_target *out)
{
	_cleanup_targets_ struct hone_targets targets = {0};
	struct if_nameindex *interfaces = if_nameindex();
	int err = 0;

	if (!interfaces)
		return -errno;
	for (const struct if_nameindex *at = interfaces; at->if_index && !err; at++)
		for (enum hone_hook hook = first; hook <= last && !err; hook++) {
			err = hone_attached_list(out->netns, at->if_index, hook, prog_id, &targets);
			if (err == -ENOENT || err == -ENODEV) /* not there; gone meanwhile */
				err = 0;
		}
	if_freenameindex(interfaces);
	return err ? err : only_one(&targets, out);
}

static int resolve_program(uint32_t prog_id, struct hone_target *out)
{
	struct bpf_prog_info info;
	int err = hone_prog_info_by_id(prog_id, &info);

	if (err)
		return err;
	if (info.type == BPF_PROG_TYPE_XDP)
		return find_attachment(prog_id, HONE_HOOK_XDP, HONE_HOOK_XDP, out);
	if (info.type == BPF_PROG_TYPE_SCHED_CLS)
		return find_attachment(prog_id, HONE_HOOK_TC_INGRESS, HONE_HOOK_N - 1, out);
	return -ENOTSUP;
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

static int resolve_interface(const char *text, struct hone_target *out)
{
	_cleanup_targets_ struct hone_targets targets = {0};
	struct hone_target_text parsed;
	uint32_t ifindex;
	int err = hone_target_parse(text, &parsed);

	if (err)
		return err;
	ifindex = if_nametoindex(parsed.ifname);
	if (!ifindex)
		return -ENODEV;
	err = hone_attached_list(out->netns, ifindex, parsed.hook, 0, &targets);
	if (err)
		return err;
	for (uint32_t i = targets.n; i-- > 0;)
		if (!hone_target_matches(&targets.at[i], &parsed))
			targets.at[i] = targets.at[--targets.n];
	return only_one(&targets, out);
}

/* Errors of this file, as an operator should read them. */
static int tell(int err, const char *text)
{
	const char *why = err == -EINVAL    ? "neither an interface, id:N, nor a pinned program"
			  : err == -ENODEV  ? "no such interface in this network namespace"
			  : err == -ENOENT  ? "no program is attached there"
			  : err == -EMLINK  ? "attached more than once: say where exactly"
			  : err == -ENOTSUP ? "not an XDP or tc program that the kernel runs itself"
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
