// SPDX-License-Identifier: Apache-2.0
/* status: units, their states, what runs and what it gains. */
#include "runtime/cli/command.h"

struct status_options {
	const char *target;
};

static const struct status_options defaults = {0};

static const struct hone_option options[] = {
	ARG_OPT(status_options, target, TEXT, "TARGET", "one unit; without: all"),
	{0},
};

static enum hone_exit do_status(struct hone_cli *cli, const void *opts)
{
	const struct status_options *o = opts;
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli, json_pack("{s:s,s:s*}", "verb", "status", "target", o->target), &reply);
	const json_t *units, *unit;
	size_t i;

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	hone_show(cli, reply);
	units = json_object_get(reply, "units");
	if (json_array_size(units) == 0)
		hone_say(cli, "nothing is attached\n");
	json_array_foreach(units, i, unit) hone_say_unit(cli, unit);
	return HONE_EXIT_OK;
}

const struct hone_command hone_cmd_status = {
	.name = "status",
	.summary = "show units, states, programs and gains",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_status,
};
