// SPDX-License-Identifier: Apache-2.0
/* snapshot: what a unit's maps hold and what this kernel can do, as the file that
 * `hone build --facts` reads.
 *
 * The daemon reads the maps, since it knows their epochs; this file asks until nothing is in the
 * way, and writes the answer whole or not at all. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "runtime/cli/command.h"
#include "runtime/common/features.h"
#include "runtime/common/file.h"

struct snapshot_options {
	const char *target;
	const char *path;
	unsigned int wait_ms;
};

static const struct snapshot_options defaults = {.wait_ms = 5000};

static const struct hone_option options[] = {
	ARG(snapshot_options, target, TEXT, "TARGET",
	    "interface, id:N or path of a pinned program"),
	REQ(snapshot_options, path, TEXT, 'o', "output", "F", "file to write or replace"),
	OPT(snapshot_options, wait_ms, UINT, "wait-ms", "N", "for writes to end (5000)"),
	{0},
};

enum { POLL_MS = 20 };

/* Returns HONE_EXIT_OK with the unit's JSON in *unit. */
static enum hone_exit ask(const struct hone_cli *cli, const struct snapshot_options *o,
			  json_t **unit)
{
	for (unsigned int waited_ms = 0;; waited_ms += POLL_MS) {
		_cleanup_json_ json_t *reply = NULL;
		enum hone_exit code = hone_call(
			cli, json_pack("{s:s,s:s}", "verb", "snapshot", "target", o->target),
			&reply);

		if (code == HONE_EXIT_NO_DAEMON)
			return hone_no_daemon(cli);
		if (code)
			return code;
		if (!json_is_true(json_object_get(reply, "pending"))) {
			*unit = json_incref(json_object_get(reply, "unit"));
			return HONE_EXIT_OK;
		}
		if (waited_ms >= o->wait_ms)
			break;
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
	}
	return hone_fail(cli, HONE_EXIT_FAILED, "%s: the maps are written all the time", o->target);
}

static json_t *features_json(void)
{
	json_t *json = json_array();

	for (int i = 0; i < HONE_FEATURE_N; i++)
		if (hone_feature((enum hone_feature)i, NULL))
			json_array_append_new(json,
					      json_string(hone_feature_id((enum hone_feature)i)));
	return json;
}

/* What is written is read once, as a later `hone build` will. */
static enum hone_exit write_file(const struct hone_cli *cli, const char *path, const json_t *unit,
				 struct hone_facts_file *file)
{
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *text = NULL;
	char error[HONE_DETAIL_LEN] = "";
	struct utsname name;
	int err;

	uname(&name);
	json = json_pack("{s:s, s:i, s:{s:s, s:o}, s:O}", "format", HONE_FACTS_FORMAT, "version",
			 HONE_FACTS_VERSION, "kernel", "release", name.release, "features",
			 features_json(), "unit", unit);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	if (!text)
		return hone_fail(cli, HONE_EXIT_FAILED, "out of memory");
	if (hone_facts_file_decode(text, strlen(text), file, error))
		return hone_fail(cli, HONE_EXIT_FAILED, "the daemon's answer: %s", error);
	err = hone_file_replace(path, text, strlen(text), 0600);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: cannot be written: %s", path,
				 strerror(-err));
	return HONE_EXIT_OK;
}

static void report(const struct hone_cli *cli, const struct snapshot_options *o,
		   const struct hone_unit *unit)
{
	_cleanup_json_ json_t *json = NULL, *maps = json_array();

	hone_say(cli, "%s: %s, %u instructions, %u maps: %s\n", o->target, unit->name,
		 unit->n_insns, unit->n_maps, o->path);
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		const struct hone_map *map = &unit->maps[i];

		hone_say(cli, "  %-16s %-11s %u entries%s\n", map->name,
			 hone_class_name(map->class), map->n_entries,
			 map->complete ? "" : ", not read as a whole");
		json_array_append_new(maps, json_pack("{s:s,s:s,s:I,s:b}", "name", map->name,
						      "class", hone_class_name(map->class),
						      "entries", (json_int_t)map->n_entries,
						      "complete", map->complete));
	}
	json = json_pack("{s:s,s:s,s:s,s:O}", "target", o->target, "program", unit->name, "file",
			 o->path, "maps", maps);
	hone_show(cli, json);
}

static enum hone_exit do_snapshot(struct hone_cli *cli, const void *opts)
{
	const struct snapshot_options *o = opts;
	struct hone_facts_file file = {0};
	_cleanup_json_ json_t *unit = NULL;
	enum hone_exit code = ask(cli, o, &unit);

	if (!code)
		code = write_file(cli, o->path, unit, &file);
	if (!code)
		report(cli, o, &file.unit);
	hone_facts_file_free(&file);
	return code;
}

const struct hone_command hone_cmd_snapshot = {
	.name = "snapshot",
	.summary = "write what a program's maps hold to a file",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_snapshot,
};
