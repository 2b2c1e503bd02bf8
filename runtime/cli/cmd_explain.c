// SPDX-License-Identifier: Apache-2.0
/* explain: per site of a unit what was folded, or why it was not. */
#include "runtime/cli/command.h"

struct explain_options {
	const char *target;
};

static const struct explain_options defaults = {0};

static const struct hone_option options[] = {
	ARG(explain_options, target, TEXT, "TARGET", "interface, id:N or path of a pinned program"),
	{0},
};

static const char *text_of(const json_t *site, const char *key)
{
	const char *text = json_string_value(json_object_get(site, key));

	return text ? text : "";
}

static void say_site(const struct hone_cli *cli, const json_t *site)
{
	const char *action = text_of(site, "action");
	const char *would = text_of(site, "would");

	hone_say(cli, "  %3lld  %-10s %-16s %-11s ",
		 (long long)json_integer_value(json_object_get(site, "id")), text_of(site, "kind"),
		 text_of(site, "map"), text_of(site, "class"));
	if (action[0])
		hone_say(cli, "%s, %lld entries\n", action,
			 (long long)json_integer_value(json_object_get(site, "entries")));
	else if (would[0])
		hone_say(cli, "would be %s at level 2\n", would);
	else
		hone_say(cli, "%s: %s\n", text_of(site, "reason"), text_of(site, "message"));
}

static enum hone_exit do_explain(struct hone_cli *cli, const void *opts)
{
	const struct explain_options *o = opts;
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli, json_pack("{s:s,s:s}", "verb", "explain", "target", o->target), &reply);
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
	json_array_foreach(sites, i, site) say_site(cli, site);
	return HONE_EXIT_OK;
}

const struct hone_command hone_cmd_explain = {
	.name = "explain",
	.summary = "show per site what was folded, or why not",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_explain,
};
