// SPDX-License-Identifier: Apache-2.0
/* attach: take a program on, and say what became of it. */
#include "runtime/cli/command.h"

struct attach_options {
	const char *target;
	unsigned int level;
	unsigned int wait_ms;
};

static const struct attach_options defaults = {.level = 2, .wait_ms = 30000};

static const struct hone_option options[] = {
	ARG(attach_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	OPT(attach_options, level, LEVEL, "level", "N",
	    "0 observe, 1 constants, 2 tables, 3 as 2 (2)"),
	OPT(attach_options, wait_ms, UINT, "wait-ms", "N",
	    "for the outcome; 0: do not wait (30000)"),
	{0},
};

static enum hone_exit do_attach(struct hone_cli *cli, const void *opts)
{
	const struct attach_options *o = opts;
	_cleanup_json_ json_t *reply = NULL, *unit = NULL;
	enum hone_exit code = hone_call(cli,
					json_pack("{s:s,s:s,s:i}", "verb", "attach", "target",
						  o->target, "level", (int)o->level),
					&reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (code)
		return code;
	unit = json_incref(json_object_get(reply, "unit"));
	code = hone_wait(cli, o->target, o->wait_ms, &unit);
	hone_show(cli, unit);
	hone_say_unit(cli, unit);
	return code;
}

const struct hone_command hone_cmd_attach = {
	.name = "attach",
	.summary = "take a program on",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_attach,
};
