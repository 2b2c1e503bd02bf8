// SPDX-License-Identifier: Apache-2.0
/* level: how much may be used. Level 0 works without a daemon as well, on the pins. */
#include "runtime/cli/command.h"

struct level_options {
	const char *target;
	unsigned int level;
	unsigned int wait_ms;
};

static const struct level_options defaults = {.wait_ms = 30000};

static const struct hone_option options[] = {
	ARG(level_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	ARG(level_options, level, LEVEL, "LEVEL", "0 observe, 1 constants, 2 tables, 3 as 2"),
	OPT(level_options, wait_ms, UINT, "wait-ms", "N",
	    "for the outcome; 0: do not wait (30000)"),
	{0},
};

static enum hone_exit do_level(struct hone_cli *cli, const void *opts)
{
	const struct level_options *o = opts;
	_cleanup_json_ json_t *reply = NULL, *unit = NULL;
	enum hone_exit code = hone_call(cli,
					json_pack("{s:s,s:s,s:i}", "verb", "level", "target",
						  o->target, "level", (int)o->level),
					&reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return o->level == 0 ? hone_offline(cli, o->target, HONE_OFFLINE_LEVEL_0)
				     : hone_no_daemon(cli);
	if (code)
		return code;
	unit = json_incref(json_object_get(reply, "unit"));
	if (o->level > 0)
		code = hone_wait(cli, o->target, o->wait_ms, &unit);
	hone_show(cli, unit);
	hone_say_unit(cli, unit);
	return code;
}

const struct hone_command hone_cmd_level = {
	.name = "level",
	.summary = "set how much of a unit may be specialized",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_level,
};
