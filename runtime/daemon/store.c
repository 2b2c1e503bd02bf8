// SPDX-License-Identifier: Apache-2.0
/* store: operator's choices and the facts behind live images, as files. Each file is replaced
 * whole; what cannot be read counts as absent, since everything here can be made again. */
#include "runtime/daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"
#include "runtime/common/log.h"

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

void hone_unit_dir(const char *bpffs_dir, const struct hone_target *target, char *out, size_t size)
{
	snprintf(out, size, "%s/units/%u-%llu", bpffs_dir, target->ifindex,
		 (unsigned long long)target->netns);
}

/* ---- rows as JSON ---- */

static json_t *choice_to_json(const struct hone_choice *choice)
{
	const struct hone_target *target = &choice->target;

	return json_pack(
		"{s:s,s:I,s:I,s:I,s:i,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:I}", "ifname", target->ifname,
		"ifindex", (json_int_t)target->ifindex, "netns", (json_int_t)target->netns,
		"prog_id", (json_int_t)choice->prog_id, "kind", (int)target->kind, "link_id",
		(json_int_t)target->link_id, "slot", (json_int_t)choice->slot, "level",
		(json_int_t)choice->level, "paused", choice->is_paused, "detached",
		choice->is_detached, "image_id", (json_int_t)choice->image_id, "image_level",
		(json_int_t)choice->image_level, "generation", (json_int_t)choice->generation);
}

static int choice_from_json(json_t *json, struct hone_choice *out)
{
	json_int_t ifindex, netns, prog_id, kind, link_id, slot, level, image_id, image_level,
		generation;
	int paused, detached;
	const char *ifname;

	if (json_unpack(json, "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:I}", "ifname",
			&ifname, "ifindex", &ifindex, "netns", &netns, "prog_id", &prog_id, "kind",
			&kind, "link_id", &link_id, "slot", &slot, "level", &level, "paused",
			&paused, "detached", &detached, "image_id", &image_id, "image_level",
			&image_level, "generation", &generation))
		return -EINVAL;
	if (kind < 0 || kind >= HONE_ATTACH_N || slot < 0 || slot >= HONE_SLOT_N || level < 0 ||
	    level > 3 || strlen(ifname) >= IF_NAMESIZE)
		return -EINVAL;

	*out = (struct hone_choice){
		.target = {.ifindex = (uint32_t)ifindex,
			   .netns = (uint64_t)netns,
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
	};
	strcpy(out->target.ifname, ifname);
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

static int read_rows(struct hone_store *store, const char *path, const char *text, size_t size)
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
	if (strcmp(boot_id, written_in) != 0)
		return 0;

	store->choices = calloc(json_array_size(rows) + 1, sizeof(*store->choices));
	if (!store->choices)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (choice_from_json(json_array_get(rows, i), &store->choices[store->n_choices]))
			hone_log_warn("%s: units[%zu]: cannot be read; left out", path, i);
		else
			store->n_choices++;
	}
	return 0;
}

int hone_store_open(const char *dir, struct hone_store *out)
{
	struct hone_store store = {0};
	_cleanup_free_ char *text = NULL;
	char path[PATH_LEN];
	size_t size;
	int err;

	if (snprintf(store.dir, sizeof(store.dir), "%s", dir) >= (int)sizeof(store.dir))
		return -ENAMETOOLONG;
	path_of(&store, "images", path);
	err = hone_dir_make(path, 0700);
	if (err)
		return hone_log_err(err, "%s: cannot make the directory", path);

	path_of(&store, "operator.json", path);
	err = hone_file_read(path, FILE_BYTES_MAX, &text, &size);
	if (!err)
		err = read_rows(&store, path, text, size);
	else if (err == -ENOENT)
		err = 0;
	else
		return hone_log_err(err, "%s: cannot read", path);
	if (!err)
		*out = store;
	return err;
}

void hone_store_close(struct hone_store *store)
{
	free(TAKE_PTR(store->choices));
	store->n_choices = 0;
}

struct hone_choice *hone_store_find(const struct hone_store *store, uint32_t ifindex,
				    uint64_t netns)
{
	for (uint32_t i = 0; i < store->n_choices; i++)
		if (store->choices[i].target.ifindex == ifindex &&
		    store->choices[i].target.netns == netns)
			return &store->choices[i];
	return NULL;
}

int hone_store_put(struct hone_store *store, const struct hone_choice *choice)
{
	struct hone_choice *row =
		hone_store_find(store, choice->target.ifindex, choice->target.netns);

	if (!row) {
		struct hone_choice *grown =
			reallocarray(store->choices, store->n_choices + 1, sizeof(*store->choices));

		if (!grown)
			return -ENOMEM;
		store->choices = grown;
		row = &store->choices[store->n_choices++];
	}
	*row = *choice;
	return save(store);
}

int hone_store_drop(struct hone_store *store, uint32_t ifindex, uint64_t netns)
{
	struct hone_choice *row = hone_store_find(store, ifindex, netns);

	if (!row)
		return 0;
	*row = store->choices[--store->n_choices];
	return save(store);
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
