// SPDX-License-Identifier: Apache-2.0
/* explain: per site of a unit what was folded, or why it was not; of a file, what hone build would
 * do. */
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/cli/command.h"

/* `input` is the target; the rest is for files. */
static const struct hone_build_options defaults = {.level = 2};

static const struct hone_option options[] = {
	ARG(hone_build_options, input, TEXT, "TARGET",
	    "interface, id:N or path of a pinned program; an object or C source"),
	OPT(hone_build_options, level, LEVEL, "level", "N", "of a file: as hone build (2)"),
	OPT(hone_build_options, facts, TEXT, "facts", "F", "of a file: what hone snapshot wrote"),
	OPT(hone_build_options, program, TEXT, "program", "NAME", "of a file: this one only"),
	HONE_ROW(hone_build_options, clang_args, REST, NULL, "CLANG-ARG", "-I, -D … for C source",
		 false),
	{0},
};

/* A file, and neither an interface nor a pinned program. */
static bool is_file(const char *target)
{
	size_t length = strlen(target);
	bool has_ending = length > 2 && (!strcmp(target + length - 2, ".o") ||
					 !strcmp(target + length - 2, ".c"));
	struct statfs fs;
	struct stat st;

	return (strchr(target, '/') || has_ending) && !stat(target, &st) && S_ISREG(st.st_mode) &&
	       !statfs(target, &fs) && fs.f_type != BPF_FS_MAGIC;
}

static enum hone_exit explain_unit(struct hone_cli *cli, const char *target)
{
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code =
		hone_call(cli, json_pack("{s:s,s:s}", "verb", "explain", "target", target), &reply);
	const json_t *sites, *site;
	size_t i;

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	hone_show(cli, reply);
	hone_say_unit(cli, json_object_get(reply, "unit"));
	sites = json_object_get(reply, "sites");
	hone_say(cli, json_array_size(sites) ? "sites\n" : "no sites are known yet\n");
	json_array_foreach(sites, i, site) hone_say_site(cli, site);
	return HONE_EXIT_OK;
}

static enum hone_exit do_explain(struct hone_cli *cli, const void *opts)
{
	const struct hone_build_options *o = opts;

	return is_file(o->input) ? hone_build(cli, o) : explain_unit(cli, o->input);
}

const struct hone_command hone_cmd_explain = {
	.name = "explain",
	.summary = "show per site what was folded, or why not",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_explain,
};
