// SPDX-License-Identifier: Apache-2.0
/* pins: see pins.h. Walks the mounts of type bpf that this process can see, each time anew: pins
 * are few, and nothing has to be remembered to restore them. */
#include "runtime/deploy/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fts.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

#define TEMPORARY "hone_tmp_" /* + process id */

enum { PATH_BYTES = 4096 };

/* Pins that nobody will rename any more: their process is gone, or it is us. */
static bool is_leftover(const char *name)
{
	size_t size = sizeof(TEMPORARY) - 1;
	long pid;

	if (strncmp(name, TEMPORARY, size))
		return false;
	pid = strtol(name + size, NULL, 10);
	return pid == getpid() || (kill((pid_t)pid, 0) && errno == ESRCH);
}

/* As readable as the pin that it takes the place of. */
static int copy_access(const char *from, const char *to)
{
	struct stat st;

	if (stat(from, &st))
		return errno == ENOENT ? 0 : -errno;
	return chown(to, st.st_uid, st.st_gid) || chmod(to, st.st_mode & 07777) ? -errno : 0;
}

int hone_pin_replace(const char *path, int fd)
{
	char temporary[PATH_BYTES];
	const char *name = strrchr(path, '/');
	int err, length;

	if (!name)
		return -EINVAL;
	/* no dot in it: bpffs reserves such names (kernel/bpf/inode.c bpf_lookup()) */
	length = snprintf(temporary, sizeof(temporary), "%.*s/" TEMPORARY "%d", (int)(name - path),
			  path, getpid());
	if (length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	unlink(temporary);
	if (bpf_obj_pin(fd, temporary))
		return -errno;
	err = copy_access(path, temporary);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
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
		if (entry->fts_info != FTS_F)
			continue;
		if (is_leftover(entry->fts_name)) {
			unlink(entry->fts_path);
			continue;
		}
		if (!names_program(entry->fts_path, old_id))
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
