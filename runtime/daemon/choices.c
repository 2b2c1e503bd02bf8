// SPDX-License-Identifier: Apache-2.0
/* choices: see choices.h. Not: what a row means (store.c). */
#include "runtime/daemon/choices.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"

enum { PATH_LEN = 320 };

static void path_of(const char *bpffs_dir, char out[PATH_LEN])
{
	snprintf(out, PATH_LEN, "%s/choices", bpffs_dir);
}

static int check(int fd, const char *path)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.type == BPF_MAP_TYPE_HASH && info.key_size == HONE_CHOICE_KEY &&
	    info.value_size == HONE_CHOICE_TEXT)
		return 0;
	return hone_log_err(-EUCLEAN, "%s: not the map that honed pins there", path);
}

int hone_choices_find(const char *bpffs_dir)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_LEN];
	int err;

	path_of(bpffs_dir, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = check(fd, path);
	return err ? err : TAKE_FD(fd);
}

int hone_choices_open(const char *bpffs_dir)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	_cleanup_close_ int fd = hone_choices_find(bpffs_dir);
	char path[PATH_LEN];

	if (fd >= 0 || fd != -ENOENT)
		return TAKE_FD(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "hone_choices", HONE_CHOICE_KEY, HONE_CHOICE_TEXT,
			    HONE_CHOICES_MAX, &opts);
	path_of(bpffs_dir, path);
	if (fd < 0 || bpf_obj_pin(fd, path))
		return -errno;
	return TAKE_FD(fd);
}

static void key_of(const char *unit, char out[HONE_CHOICE_KEY])
{
	memset(out, 0, HONE_CHOICE_KEY);
	snprintf(out, HONE_CHOICE_KEY, "%s", unit);
}

int hone_choices_put(int fd, const char *unit, const json_t *row)
{
	char key[HONE_CHOICE_KEY], text[HONE_CHOICE_TEXT] = {0};
	size_t size = json_dumpb(row, text, sizeof(text) - 1, JSON_COMPACT);

	if (!size || size >= sizeof(text))
		return -E2BIG;
	key_of(unit, key);
	return bpf_map_update_elem(fd, key, text, BPF_ANY) ? -errno : 0;
}

int hone_choices_drop(int fd, const char *unit)
{
	char key[HONE_CHOICE_KEY];

	key_of(unit, key);
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

int hone_choices_read(int fd, json_t *rows)
{
	char key[HONE_CHOICE_KEY], text[HONE_CHOICE_TEXT];
	const char *last = NULL;

	/* nobody else writes meanwhile: the caller holds the lock */
	while (!bpf_map_get_next_key(fd, last, key)) {
		json_t *row = NULL;

		last = key;
		if (!bpf_map_lookup_elem(fd, key, text))
			row = json_loadb(text, strnlen(text, sizeof(text)), 0, NULL);
		if (!row)
			hone_log_warn("choices: %.63s: cannot be read; left out", key);
		else if (json_array_append_new(rows, row))
			return -ENOMEM;
	}
	return errno == ENOENT ? 0 : -errno;
}

void hone_choices_unpin(const char *bpffs_dir)
{
	char path[PATH_LEN];

	path_of(bpffs_dir, path);
	unlink(path);
}
