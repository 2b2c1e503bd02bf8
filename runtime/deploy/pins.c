// SPDX-License-Identifier: Apache-2.0
/* pins: see pins.h. Walks the mounts of type bpf that this process can see, each time anew: pins
 * are few, and nothing has to be remembered to restore them. */
#include "runtime/deploy/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fts.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

enum { PATH_BYTES = 4096 };

int hone_pin_replace(const char *path, int fd)
{
	char temporary[PATH_BYTES];
	const char *name = strrchr(path, '/');
	int err, length;

	if (!name)
		return -EINVAL;
	/* no dot in it: bpffs reserves such names (kernel/bpf/inode.c bpf_lookup()) */
	length = snprintf(temporary, sizeof(temporary), "%.*s/hone_tmp_%d", (int)(name - path),
			  path, getpid());
	if (length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	unlink(temporary);
	if (bpf_obj_pin(fd, temporary))
		return -errno;
	if (!rename(temporary, path))
		return 0;
	err = -errno;
	unlink(temporary);
	return err;
}

/* Does the file name the program? Anything that is not a program does not. */
static bool names_program(const char *path, uint32_t id)
{
	struct bpf_prog_info info;
	_cleanup_close_ int fd = bpf_obj_get(path);

	return fd >= 0 && !hone_prog_info(fd, &info) && info.id == id;
}

static int repoint_below(const char *top, uint32_t old_id, int new_fd, const char *ours)
{
	char *const paths[] = {(char *)(uintptr_t)top, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	int n = 0, err = 0;
	FTSENT *entry;

	if (!walk)
		return -errno;
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_D && !strcmp(entry->fts_path, ours))
			fts_set(walk, entry, FTS_SKIP);
		if (entry->fts_info != FTS_F || !names_program(entry->fts_path, old_id))
			continue;
		err = hone_pin_replace(entry->fts_path, new_fd);
		if (err) {
			hone_log_err(err, "%s: cannot re-point the pin", entry->fts_path);
			break;
		}
		hone_log_debug("%s: re-pointed from program %u", entry->fts_path, old_id);
		n++;
	}
	fts_close(walk);
	return err ? err : n;
}

int hone_pins_repoint(uint32_t old_id, int new_fd, const char *ours)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	int n = 0, err = 0;

	if (!mounts)
		return -errno;
	while ((mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_type, "bpf"))
			continue;
		err = repoint_below(mount->mnt_dir, old_id, new_fd, ours);
		if (err < 0)
			break;
		n += err;
	}
	endmntent(mounts);
	return err < 0 ? err : n;
}
