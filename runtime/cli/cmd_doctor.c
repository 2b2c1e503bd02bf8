// SPDX-License-Identifier: Apache-2.0
/* doctor: what of hone works on this machine, and what is missing where it does not. Asks by
 * doing; changes nothing that stays. */
#include <string.h>

#include "runtime/cli/command.h"
#include "runtime/common/features.h"

struct doctor_options {
	char unused;
};

static const struct doctor_options defaults = {0};
static const struct hone_option options[] = {{0}};

static json_t *probe(const struct hone_cli *cli, enum hone_feature feature, bool *is_possible)
{
	const char *why = "";
	bool is_there = hone_feature(feature, &why);
	bool is_needed = hone_feature_is_needed(feature);

	hone_say(cli, "  %-8s %s%s%s\n",
		 is_there    ? "yes"
		 : is_needed ? "MISSING"
			     : "no",
		 hone_feature_what(feature), is_there || !why[0] ? "" : ": ", is_there ? "" : why);
	if (!is_there && is_needed) {
		*is_possible = false;
		fprintf(stderr, "hone: not possible here: %s: %s\n", hone_feature_what(feature),
			why);
	}
	return json_pack("{s:s,s:b,s:b,s:s}", "what", hone_feature_what(feature), "there", is_there,
			 "needed", is_needed, "why", is_there ? "" : why);
}

/* The daemon knows its worker; without a daemon both are simply not running. */
static json_t *ask_daemon(const struct hone_cli *cli)
{
	_cleanup_json_ json_t *request = json_pack("{s:s}", "verb", "status");
	_cleanup_json_ json_t *reply = NULL;
	int err = hone_socket_call(cli->socket, request, -1, 5000, &reply);
	const json_t *daemon = json_object_get(reply, "daemon");
	const char *why = json_string_value(json_object_get(daemon, "worker"));

	if (err) {
		hone_say(cli, "  %-8s a daemon at %s: %s\n", "no", cli->socket, strerror(-err));
		return json_pack("{s:b}", "running", 0);
	}
	hone_say(cli, "  %-8s a daemon at %s\n", "yes", cli->socket);
	hone_say(cli, "  %-8s its compiler worker honec%s%s\n", why && why[0] ? "MISSING" : "yes",
		 why && why[0] ? ": " : "", why ? why : "");
	return json_pack("{s:b,s:O}", "running", 1, "daemon", daemon);
}

static enum hone_exit do_doctor(struct hone_cli *cli, const void *opts)
{
	_cleanup_json_ json_t *report = NULL;
	json_t *features = json_array();
	bool is_possible = true;

	(void)opts;
	for (int i = 0; i < HONE_FEATURE_N; i++)
		json_array_append_new(features, probe(cli, (enum hone_feature)i, &is_possible));
	report = json_pack("{s:b,s:o,s:o}", "possible", is_possible, "features", features, "daemon",
			   ask_daemon(cli));
	hone_show(cli, report);
	return is_possible ? HONE_EXIT_OK : HONE_EXIT_IMPOSSIBLE;
}

const struct hone_command hone_cmd_doctor = {
	.name = "doctor",
	.summary = "tell what works on this machine, and why not",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_doctor,
};
