// SPDX-License-Identifier: Apache-2.0
/* netns: look for a network namespace where one can be named: our own, those that `ip netns`
 * bound, those of processes. */
#include "runtime/daemon/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/common/cleanup.h"

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

uint64_t hone_netns_inode(int fd)
{
	struct stat st;

	if (fd < 0 ? stat("/proc/self/ns/net", &st) : fstat(fd, &st))
		return 0;
	return st.st_ino;
}

/* The file's namespace, if it is the one. */
static int open_if(const char *path, uint64_t inode)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (stat(path, &st) || st.st_ino != inode)
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return hone_netns_inode(fd) == inode ? TAKE_FD(fd) : -ENOENT;
}

static int search(const char *dir_path, const char *suffix, bool numbers_only, uint64_t inode)
{
	_cleanup_(cleanup_dir) DIR *dir = opendir(dir_path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[512];
		int fd;

		if (entry->d_name[0] == '.' || (numbers_only && !isdigit(entry->d_name[0])))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", dir_path, entry->d_name, suffix);
		fd = open_if(path, inode);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

int hone_netns_open(uint64_t inode)
{
	int fd = open_if("/proc/self/ns/net", inode);

	if (fd < 0)
		fd = search("/run/netns", "", false, inode);
	if (fd < 0)
		fd = search("/proc", "/ns/net", true, inode);
	return fd;
}
