// SPDX-License-Identifier: Apache-2.0
/* file: small files as a whole. Does not lock: the last writer wins. */
#include "runtime/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/common/cleanup.h"

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int fill_temporary(const char *path, const void *data, size_t size, mode_t mode, int fd)
{
	int err = write_all(fd, data, size);

	if (!err && fchmod(fd, mode))
		err = -errno;
	if (!err && fsync(fd))
		err = -errno;
	if (err)
		unlink(path);
	return err;
}

int hone_file_replace(const char *path, const void *data, size_t size, mode_t mode)
{
	char temporary[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int err;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fill_temporary(temporary, data, size, mode, fd);
	if (err)
		return err;
	if (rename(temporary, path)) {
		err = -errno;
		unlink(temporary);
	}
	return err;
}

int hone_file_read(const char *path, size_t max_bytes, char **data, size_t *size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buffer = NULL;
	size_t length = 0, room = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		if (length + 1 >= room) {
			char *grown = realloc(buffer, room + 65536);

			if (!grown)
				return -ENOMEM;
			buffer = grown;
			room += 65536;
		}
		n = read(fd, buffer + length, room - length - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max_bytes)
			return -EFBIG;
	}
	buffer[length] = '\0';
	*data = TAKE_PTR(buffer);
	*size = length;
	return 0;
}

int hone_dir_make(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t length = strlen(path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) && errno != EEXIST)
			return -errno;
		part[i] = path[i];
	}
	return 0;
}

int hone_boot_id(char out[HONE_BOOT_ID_LEN])
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int err = hone_file_read("/proc/sys/kernel/random/boot_id", 64, &text, &size);

	if (err)
		return err;
	if (size < HONE_BOOT_ID_LEN - 1)
		return -EINVAL;
	memcpy(out, text, HONE_BOOT_ID_LEN - 1);
	out[HONE_BOOT_ID_LEN - 1] = '\0';
	return 0;
}
