// SPDX-License-Identifier: Apache-2.0
/* pause: packets meet the original until resume. Works without a daemon as well, on the pins. */
#include "runtime/cli/command.h"

struct pause_options {
	const char *target;
};

static const struct pause_options defaults = {0};

static const struct hone_option options[] = {
	ARG(pause_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	{0},
};

static enum hone_exit do_pause(struct hone_cli *cli, const void *opts)
{
	const struct pause_options *o = opts;
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli, json_pack("{s:s,s:s}", "verb", "pause", "target", o->target), &reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_offline(cli, o->target, HONE_OFFLINE_PAUSE);
	if (code)
		return code;
	hone_show(cli, reply);
	hone_say(cli, "%s: paused\n", o->target);
	return HONE_EXIT_OK;
}

const struct hone_command hone_cmd_pause = {
	.name = "pause",
	.summary = "use the original until resume",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_pause,
};
