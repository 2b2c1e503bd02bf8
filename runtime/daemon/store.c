// SPDX-License-Identifier: Apache-2.0
/* store: operator's choices and the facts behind live images, as files. Each file is replaced
 * whole; what cannot be read counts as absent, since everything here can be made again. */
#include "runtime/daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"
#include "runtime/daemon/choices.h"

enum { FILE_BYTES_MAX = 1 << 28, PATH_LEN = 320 };

/* ---- the lock ---- */

int hone_store_lock(const char *bpffs_dir, unsigned int wait_ms)
{
	_cleanup_close_ int fd = -1;
	int err = hone_dir_make(bpffs_dir, 0700);

	if (err)
		return err;
	fd = open(bpffs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;; wait_ms -= 10) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return TAKE_FD(fd);
		if (errno != EWOULDBLOCK)
			return -errno;
		if (wait_ms < 10)
			return -EBUSY;
		usleep(10000);
	}
}

_Static_assert((int)HONE_UNIT_NAME == (int)HONE_CHOICE_KEY, "rows are named by units");

void hone_unit_dir(const char *bpffs_dir, const struct hone_target *target, char *out, size_t size)
{
	char name[HONE_CHOICE_KEY];

	hone_target_unit_name(target, name);
	snprintf(out, size, "%s/units/%s", bpffs_dir, name);
}

/* ---- rows as JSON ---- */

static json_t *choice_to_json(const struct hone_choice *choice)
{
	const struct hone_target *target = &choice->target;

	return json_pack("{s:s,s:I,s:I,s:i,s:I,s:I,s:I,s:i,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:I,s:I}",
			 "ifname", target->ifname, "ifindex", (json_int_t)target->ifindex, "netns",
			 (json_int_t)target->netns, "hook", (int)target->hook, "priority",
			 (json_int_t)target->priority, "handle", (json_int_t)target->handle,
			 "prog_id", (json_int_t)choice->prog_id, "kind", (int)target->kind,
			 "link_id", (json_int_t)target->link_id, "slot", (json_int_t)choice->slot,
			 "level", (json_int_t)choice->level, "paused", choice->is_paused,
			 "detached", choice->is_detached, "image_id", (json_int_t)choice->image_id,
			 "image_level", (json_int_t)choice->image_level, "generation",
			 (json_int_t)choice->generation, "written_ns",
			 (json_int_t)choice->written_ns);
}

static int choice_from_json(json_t *json, struct hone_choice *out)
{
	json_int_t ifindex, netns, prog_id, kind, link_id, slot, level, image_id, image_level,
		generation, written_ns, hook = HONE_HOOK_XDP, priority = 0, handle = 0;
	int paused, detached;
	const char *ifname;

	if (json_unpack(json,
			"{s:s,s:I,s:I,s?I,s?I,s?I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:I,s:I}",
			"ifname", &ifname, "ifindex", &ifindex, "netns", &netns, "hook", &hook,
			"priority", &priority, "handle", &handle, "prog_id", &prog_id, "kind",
			&kind, "link_id", &link_id, "slot", &slot, "level", &level, "paused",
			&paused, "detached", &detached, "image_id", &image_id, "image_level",
			&image_level, "generation", &generation, "written_ns", &written_ns))
		return -EINVAL;
	if (kind < 0 || kind >= HONE_ATTACH_N || hook < 0 || hook >= HONE_HOOK_N || slot < 0 ||
	    slot >= HONE_SLOT_N || level < 0 || level > 3 || strlen(ifname) >= IF_NAMESIZE)
		return -EINVAL;

	*out = (struct hone_choice){
		.target = {.ifindex = (uint32_t)ifindex,
			   .netns = (uint64_t)netns,
			   .hook = (enum hone_hook)hook,
			   .priority = (uint32_t)priority,
			   .handle = (uint32_t)handle,
			   .prog_id = (uint32_t)prog_id,
			   .kind = (enum hone_attach_kind)kind,
			   .link_id = (uint32_t)link_id},
		.prog_id = (uint32_t)prog_id,
		.slot = (uint32_t)slot,
		.level = (unsigned int)level,
		.is_paused = paused != 0,
		.is_detached = detached != 0,
		.image_id = (uint32_t)image_id,
		.image_level = (unsigned int)image_level,
		.generation = (uint32_t)generation,
		.written_ns = (uint64_t)written_ns,
	};
	strcpy(out->target.ifname, ifname);
	hone_target_set_name(&out->target);
	return 0;
}

/* ---- operator.json ---- */

static void path_of(const struct hone_store *store, const char *name, char out[PATH_LEN])
{
	snprintf(out, PATH_LEN, "%s/%s", store->dir, name);
}

static int save(const struct hone_store *store)
{
	char path[PATH_LEN], boot_id[HONE_BOOT_ID_LEN];
	_cleanup_json_ json_t *rows = json_array();
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *text = NULL;
	int err = hone_boot_id(boot_id);

	if (err)
		return err;
	for (uint32_t i = 0; i < store->n_choices; i++)
		json_array_append_new(rows, choice_to_json(&store->choices[i]));
	json = json_pack("{s:s,s:O}", "boot_id", boot_id, "units", rows);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	if (!text)
		return -ENOMEM;
	path_of(store, "operator.json", path);
	err = hone_file_replace(path, text, strlen(text), 0600);
	return err ? hone_log_err(err, "%s: cannot replace", path) : 0;
}

/* ---- reading: the younger of two rows of a unit counts ---- */

/* Room for one more: the row of choice->target, new or as it is. NULL: no memory. */
static struct hone_choice *row_for(struct hone_store *store, const struct hone_choice *choice)
{
	struct hone_choice *row = hone_store_find(store, &choice->target);
	struct hone_choice *grown;

	if (row)
		return row;
	grown = reallocarray(store->choices, store->n_choices + 1, sizeof(*store->choices));
	if (!grown)
		return NULL;
	store->choices = grown;
	row = &grown[store->n_choices++];
	*row = (struct hone_choice){.target = choice->target};
	return row;
}

static int merge_rows(struct hone_store *store, const char *from, const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		struct hone_choice choice, *row;

		if (choice_from_json(json_array_get(rows, i), &choice)) {
			hone_log_warn("%s: units[%zu]: cannot be read; left out", from, i);
			continue;
		}
		row = row_for(store, &choice);
		if (!row)
			return -ENOMEM;
		if (choice.written_ns >= row->written_ns)
			*row = choice;
	}
	return 0;
}

static int read_text(struct hone_store *store, const char *path, const char *text, size_t size)
{
	char boot_id[HONE_BOOT_ID_LEN];
	_cleanup_json_ json_t *json = json_loadb(text, size, 0, NULL);
	const json_t *rows = json_object_get(json, "units");
	const char *written_in = json_string_value(json_object_get(json, "boot_id"));
	int err = hone_boot_id(boot_id);

	if (err)
		return err;
	if (!written_in || !json_is_array(rows)) {
		hone_log_warn("%s: not what honed writes; taken as empty", path);
		return 0;
	}
	return strcmp(boot_id, written_in) == 0 ? merge_rows(store, path, rows) : 0;
}

static int read_file(struct hone_store *store)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_LEN];
	size_t size;
	int err;

	path_of(store, "operator.json", path);
	err = hone_file_read(path, FILE_BYTES_MAX, &text, &size);
	if (err == -ENOENT)
		return 0;
	return err ? hone_log_err(err, "%s: cannot read", path)
		   : read_text(store, path, text, size);
}

static int read_map(struct hone_store *store)
{
	_cleanup_json_ json_t *rows = json_array();
	int err;

	store->map_fd = hone_choices_find(store->bpffs);
	if (store->map_fd < 0)
		return 0; /* not there, or not ours: put() tells */
	err = hone_choices_read(store->map_fd, rows);
	return err ? hone_log_err(err, "%s/choices: cannot read", store->bpffs)
		   : merge_rows(store, "choices", rows);
}

int hone_store_open(const char *dir, const char *bpffs_dir, struct hone_store *out)
{
	struct hone_store store = {.map_fd = -1};
	char path[PATH_LEN];
	int err;

	if (snprintf(store.dir, sizeof(store.dir), "%s", dir) >= (int)sizeof(store.dir) ||
	    snprintf(store.bpffs, sizeof(store.bpffs), "%s", bpffs_dir) >= (int)sizeof(store.bpffs))
		return -ENAMETOOLONG;
	path_of(&store, "images", path);
	err = hone_dir_make(path, 0700);
	if (err)
		return hone_log_err(err, "%s: cannot make the directory", path);
	err = read_file(&store);
	if (!err)
		err = read_map(&store);
	if (err)
		hone_store_close(&store);
	else
		*out = store;
	return err;
}

void hone_store_close(struct hone_store *store)
{
	free(TAKE_PTR(store->choices));
	store->n_choices = 0;
	if (store->map_fd >= 0)
		close(TAKE_FD(store->map_fd));
}

void hone_store_rest(struct hone_store *store)
{
	if (store->map_fd >= 0)
		close(TAKE_FD(store->map_fd));
	hone_choices_unpin(store->bpffs);
}

struct hone_choice *hone_store_find(const struct hone_store *store, const struct hone_target *point)
{
	for (uint32_t i = 0; i < store->n_choices; i++)
		if (hone_target_is_same_point(&store->choices[i].target, point))
			return &store->choices[i];
	return NULL;
}

/* ---- writing: the map, then the file ---- */

/* The map as it ought to be, if it can be had. It may be new: then all rows are. */
static int open_map(struct hone_store *store)
{
	if (store->map_fd >= 0)
		return 0;
	store->map_fd = hone_choices_open(store->bpffs);
	if (store->map_fd < 0)
		return store->map_fd;
	for (uint32_t i = 0; i < store->n_choices; i++) {
		_cleanup_json_ json_t *json = choice_to_json(&store->choices[i]);
		char name[HONE_CHOICE_KEY];
		int err;

		hone_target_unit_name(&store->choices[i].target, name);
		err = hone_choices_put(store->map_fd, name, json);
		if (err)
			return err;
	}
	return 0;
}

static int save_both(struct hone_store *store, int map_err)
{
	int file_err = save(store);

	if (map_err && map_err != -ENOENT)
		hone_log_warn("%s/choices: %s", store->bpffs, strerror(-map_err));
	return map_err ? file_err : 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int hone_store_put(struct hone_store *store, const struct hone_choice *choice)
{
	struct hone_choice *row = row_for(store, choice);
	_cleanup_json_ json_t *json = NULL;
	char name[HONE_CHOICE_KEY];
	int err;

	if (!row)
		return -ENOMEM;
	*row = *choice;
	row->written_ns = now_ns();
	json = choice_to_json(row);
	hone_target_unit_name(&choice->target, name);
	err = open_map(store);
	if (!err)
		err = json ? hone_choices_put(store->map_fd, name, json) : -ENOMEM;
	return save_both(store, err);
}

int hone_store_drop(struct hone_store *store, const struct hone_target *point)
{
	struct hone_choice *row = hone_store_find(store, point);
	char name[HONE_CHOICE_KEY];
	int err;

	if (!row)
		return 0;
	hone_target_unit_name(&row->target, name);
	*row = store->choices[--store->n_choices];
	err = store->map_fd < 0 ? -ENOENT : hone_choices_drop(store->map_fd, name);
	return save_both(store, err);
}

/* ---- images ---- */

static void image_path(const struct hone_store *store, uint32_t image_id, const char *what,
		       char out[PATH_LEN])
{
	snprintf(out, PATH_LEN, "%s/images/%u.%s.json", store->dir, image_id, what);
}

int hone_store_image_put(const struct hone_store *store, uint32_t image_id,
			 const struct hone_unit *unit, const struct hone_result *result)
{
	_cleanup_free_ char *facts = NULL, *answer = NULL;
	char path[PATH_LEN];
	int err = hone_unit_encode(unit, &facts);

	if (!err)
		err = hone_result_encode(result, &answer);
	if (err)
		return err;
	image_path(store, image_id, "facts", path);
	err = hone_file_replace(path, facts, strlen(facts), 0600);
	if (err)
		return err;
	image_path(store, image_id, "result", path);
	return hone_file_replace(path, answer, strlen(answer), 0600);
}

static int read_image_file(const struct hone_store *store, uint32_t image_id, const char *what,
			   char **text, size_t *size)
{
	char path[PATH_LEN];

	image_path(store, image_id, what, path);
	return hone_file_read(path, FILE_BYTES_MAX, text, size);
}

int hone_store_image_get(const struct hone_store *store, uint32_t image_id, struct hone_unit *unit,
			 struct hone_result *result)
{
	_cleanup_free_ char *facts = NULL, *answer = NULL;
	char error[HONE_DETAIL_LEN];
	size_t facts_size, answer_size;
	int err = read_image_file(store, image_id, "facts", &facts, &facts_size);

	if (!err)
		err = read_image_file(store, image_id, "result", &answer, &answer_size);
	if (!err)
		err = hone_unit_decode(facts, facts_size, unit, error);
	if (err)
		return err;
	err = hone_result_decode(answer, answer_size, result, error);
	if (err)
		hone_unit_free(unit);
	return err;
}

void hone_store_image_drop(const struct hone_store *store, uint32_t image_id)
{
	char path[PATH_LEN];

	image_path(store, image_id, "facts", path);
	unlink(path);
	image_path(store, image_id, "result", path);
	unlink(path);
}
