// SPDX-License-Identifier: Apache-2.0
/* resume: end a pause; the level is what it was. */
#include "runtime/cli/command.h"

struct resume_options {
	const char *target;
};

static const struct resume_options defaults = {0};

static const struct hone_option options[] = {
	ARG(resume_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	{0},
};

static enum hone_exit do_resume(struct hone_cli *cli, const void *opts)
{
	const struct resume_options *o = opts;
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli, json_pack("{s:s,s:s}", "verb", "resume", "target", o->target), &reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	hone_show(cli, reply);
	hone_say(cli, "%s: resumed\n", o->target);
	return HONE_EXIT_OK;
}

const struct hone_command hone_cmd_resume = {
	.name = "resume",
	.summary = "end a pause",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_resume,
};
