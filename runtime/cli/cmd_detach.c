// SPDX-License-Identifier: Apache-2.0
/* detach: give a program back. Works without a daemon as well, on the pins. */
#include "runtime/cli/command.h"

struct detach_options {
	const char *target;
};

static const struct detach_options defaults = {0};

static const struct hone_option options[] = {
	ARG(detach_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	{0},
};

static enum hone_exit do_detach(struct hone_cli *cli, const void *opts)
{
	const struct detach_options *o = opts;
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli, json_pack("{s:s,s:s}", "verb", "detach", "target", o->target), &reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_offline(cli, o->target, HONE_OFFLINE_DETACH);
	if (code)
		return code;
	hone_show(cli, reply);
	hone_say(cli, "%s: detached\n", o->target);
	return HONE_EXIT_OK;
}

const struct hone_command hone_cmd_detach = {
	.name = "detach",
	.summary = "give a program back to its owner, leaving nothing",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_detach,
};
