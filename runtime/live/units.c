// SPDX-License-Identifier: Apache-2.0
/* units: one file per captured unit. Asks the kernel only for a program's tag and maps, which
 * must be the file's; whether the code means the program was proved when it was captured. */
#include "runtime/live/units.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"

enum { UNIT_FILE_BYTES = 256 << 20, TAG_TEXT = 2 * BPF_TAG_SIZE + 1 };

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void tag_text(const uint8_t *tag, char out[TAG_TEXT])
{
	for (int i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", tag[i]);
}

static int unit_path(const char *dir, uint32_t prog_id, const uint8_t *tag, char out[PATH_MAX])
{
	char text[TAG_TEXT];

	tag_text(tag, text);
	return snprintf(out, PATH_MAX, "%s/%u-%s.json", dir, prog_id, text) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

static int encode(const struct hone_unit *unit, char **text)
{
	_cleanup_free_ char *of_unit = NULL;
	char boot[HONE_BOOT_ID_LEN];
	int err = hone_boot_id(boot);

	if (!err)
		err = hone_unit_encode(unit, &of_unit);
	if (err)
		return err;
	return asprintf(text, "{\"boot\":\"%s\",\"unit\":%s}\n", boot, of_unit) < 0 ? -ENOMEM : 0;
}

int hone_units_save(const char *dir, const struct hone_unit *unit)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	int err = unit_path(dir, unit->prog_id, unit->tag, path);

	if (!err)
		err = encode(unit, &text);
	if (!err)
		err = hone_dir_make(dir, 0700);
	if (!err)
		err = hone_file_replace(path, text, strlen(text), 0600);
	return err ? hone_log_err(err, "%s: cannot keep program %u", dir, unit->prog_id) : 0;
}

/* The member "unit" of a kept file as text of its own; NULL: of another boot, or damaged. */
static char *find_unit_text(const char *text, size_t size, int *err)
{
	_cleanup_json_ json_t *file = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const char *boot = json_string_value(json_object_get(file, "boot"));
	const json_t *unit = json_object_get(file, "unit");
	char now[HONE_BOOT_ID_LEN];
	char *of_unit;

	*err = -EINVAL;
	if (!boot || !unit)
		return NULL;
	*err = hone_boot_id(now);
	if (*err)
		return NULL;
	*err = -ESTALE;
	if (strcmp(boot, now) != 0)
		return NULL;
	of_unit = json_dumps(unit, JSON_COMPACT);
	*err = of_unit ? 0 : -ENOMEM;
	return of_unit;
}

static int decode_file(const char *path, struct hone_unit *out)
{
	_cleanup_free_ char *text = NULL, *of_unit = NULL;
	char detail[HONE_DETAIL_LEN] = "";
	size_t size = 0;
	int err = hone_file_read(path, UNIT_FILE_BYTES, &text, &size);

	if (err)
		return err;
	of_unit = find_unit_text(text, size, &err);
	if (of_unit)
		err = hone_unit_decode(of_unit, strlen(of_unit), out, detail);
	if (err == -EINVAL)
		hone_log_err(err, "%s: not a unit%s%s", path, detail[0] ? ": " : "", detail);
	return err;
}

/* The maps of the unit are among those that the program holds. */
static bool holds_maps(int prog_fd, const struct hone_unit *unit)
{
	__u32 ids[2 * HONE_MAPS_MAX], n = 0; /* loaders may have bound more */

	if (hone_prog_map_ids(prog_fd, ids, 2 * HONE_MAPS_MAX, &n))
		return false;
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		__u32 at = 0;

		while (at < n && ids[at] != unit->maps[i].id)
			at++;
		if (at == n)
			return false;
	}
	return true;
}

int hone_units_load(const char *dir, uint32_t prog_id, struct hone_unit *out)
{
	_cleanup_close_ int prog = bpf_prog_get_fd_by_id(prog_id);
	struct bpf_prog_info info;
	struct hone_unit unit = {0};
	char path[PATH_MAX];
	int err;

	if (prog < 0)
		return -errno;
	err = hone_prog_info(prog, &info);
	if (!err)
		err = unit_path(dir, prog_id, info.tag, path);
	if (!err)
		err = decode_file(path, &unit);
	if (err)
		return err;
	if (unit.prog_id != prog_id || memcmp(unit.tag, info.tag, sizeof(info.tag)) != 0 ||
	    !holds_maps(prog, &unit)) {
		hone_unit_free(&unit);
		return -ESTALE;
	}
	*out = unit;
	return 0;
}

/* "<id>-<tag>.json" */
static bool parse_name(const char *name, uint32_t *prog_id, char tag[TAG_TEXT])
{
	int end = 0;

	return sscanf(name, "%u-%16[0-9a-f].json%n", prog_id, tag, &end) == 2 && end > 0 &&
	       name[end] == '\0';
}

static bool is_of(uint32_t prog_id, const char *tag, void *arg)
{
	(void)tag;
	return prog_id == *(uint32_t *)arg;
}

static bool is_gone(uint32_t prog_id, const char *tag, void *arg)
{
	struct bpf_prog_info info;
	char text[TAG_TEXT];
	int err = hone_prog_info_by_id(prog_id, &info);

	(void)arg;
	if (err)
		return err == -ENOENT;
	tag_text(info.tag, text);
	return strcmp(text, tag) != 0;
}

/* Unlink the units for which `is_dropped` says so. Returns how many, or -errno. */
static int drop(const char *dir, bool (*is_dropped)(uint32_t, const char *, void *), void *arg)
{
	_cleanup_(cleanup_dir) DIR *files = opendir(dir);
	const struct dirent *entry;
	int n = 0;

	if (!files)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(files))) {
		char tag[TAG_TEXT];
		uint32_t prog_id;

		if (!parse_name(entry->d_name, &prog_id, tag) || !is_dropped(prog_id, tag, arg))
			continue;
		if (unlinkat(dirfd(files), entry->d_name, 0) && errno != ENOENT)
			return -errno;
		n++;
	}
	return n;
}

int hone_units_forget(const char *dir, uint32_t prog_id)
{
	int n = drop(dir, is_of, &prog_id);

	return n < 0 ? n : 0;
}

int hone_units_prune(const char *dir)
{
	return drop(dir, is_gone, NULL);
}
