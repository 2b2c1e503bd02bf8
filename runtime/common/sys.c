// SPDX-License-Identifier: Apache-2.0
/* sys: thin wrappers of bpf(2). They log nothing: the caller knows what the object is. */
#include "runtime/common/sys.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"

/* The kernel answers for any kind of object: a map's description read as a program's has the
 * map's id where the program's would be. Links are "bpf_link" or "bpf-link", by kernel. */
static bool is_kind(int fd, const char *kind)
{
	char path[32], what[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, what, sizeof(what) - 1) > 0 && strstr(what, kind);
}

/* The kernel reads `info` as well: everything that is not asked for must be zero. */
static int object_info(int fd, const char *kind, void *info, __u32 size)
{
	memset(info, 0, size);
	if (fd >= 0 && !is_kind(fd, kind))
		return -EINVAL;
	return bpf_obj_get_info_by_fd(fd, info, &size) ? -errno : 0;
}

int hone_prog_info(int fd, struct bpf_prog_info *out)
{
	return object_info(fd, "bpf-prog", out, sizeof(*out));
}

int hone_map_info(int fd, struct bpf_map_info *out)
{
	return object_info(fd, "bpf-map", out, sizeof(*out));
}

int hone_link_info(int fd, struct bpf_link_info *out)
{
	return object_info(fd, "link", out, sizeof(*out));
}

int hone_prog_info_by_id(__u32 id, struct bpf_prog_info *out)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	return fd < 0 ? -errno : hone_prog_info(fd, out);
}

int hone_prog_map_ids(int fd, __u32 *ids, __u32 room, __u32 *n)
{
	struct bpf_prog_info info = {.nr_map_ids = room, .map_ids = (__u64)(unsigned long)ids};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*n = info.nr_map_ids;
	return info.nr_map_ids > room ? -E2BIG : 0;
}
