// SPDX-License-Identifier: Apache-2.0
/* run: an unmodified loader, with what it loads captured, also without a daemon.
 *
 * With --level, what the command attached in this network namespace is taken on afterwards. The
 * command's exit status is ours. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "runtime/cli/command.h"
#include "runtime/live/discover.h"
#include "runtime/live/wrap.h"

struct run_options {
	unsigned int level;
	char *const *command;
};

static const struct run_options defaults = {.level = HONE_LEVEL_UNSET};

static const struct hone_option options[] = {
	OPT(run_options, level, LEVEL, "level", "N", "take on what the command attaches"),
	ARG(run_options, command, REST, "CMD", "loader and its arguments"),
	{0},
};

/* Everything that is attached here. The caller frees with hone_targets_free(). */
static void list_attached(struct hone_targets *out)
{
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct if_nameindex *names = if_nameindex();

	for (const struct if_nameindex *name = names; name && name->if_index; name++)
		(void)hone_target_list(netns_fd, name->if_index, out);
	if (names)
		if_freenameindex(names);
}

static bool was_there(const struct hone_targets *before, const struct hone_target *now)
{
	for (uint32_t i = 0; i < before->n; i++)
		if (hone_target_is_same_point(&before->at[i], now) &&
		    before->at[i].prog_id == now->prog_id)
			return true;
	return false;
}

static enum hone_exit take_on(const struct hone_cli *cli, const char *target, unsigned int level)
{
	_cleanup_json_ json_t *reply = NULL;
	enum hone_exit code = hone_call(
		cli,
		json_pack("{s:s,s:s,s:i}", "verb", "attach", "target", target, "level", (int)level),
		&reply);

	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (!code)
		hone_say(cli, "%s: attached at level %u\n", target, level);
	return code;
}

/* What was attached while the command ran. */
static enum hone_exit take_on_new(const struct hone_cli *cli, const struct hone_targets *before,
				  unsigned int level)
{
	struct hone_targets after = {0};
	enum hone_exit code = HONE_EXIT_OK;

	list_attached(&after);
	for (uint32_t i = 0; i < after.n && !code; i++)
		if (!was_there(before, &after.at[i]))
			code = take_on(cli, after.at[i].name, level);
	hone_targets_free(&after);
	return code;
}

static enum hone_exit do_run(struct hone_cli *cli, const void *opts)
{
	const struct run_options *o = opts;
	struct hone_targets before = {0};
	struct hone_run_result result;
	enum hone_exit code = HONE_EXIT_OK;
	char units_dir[256];
	_cleanup_json_ json_t *report = NULL;
	int err;

	list_attached(&before);
	snprintf(units_dir, sizeof(units_dir), "%s/units", cli->state);
	err = hone_run_captured(units_dir, o->command, &result);
	if (err)
		return hone_fail(cli, HONE_EXIT_IMPOSSIBLE, "capture is not possible: %s",
				 strerror(-err));
	if (result.exit_status == 127 || result.exit_status == 126)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: cannot be run", o->command[0]);

	if (o->level != HONE_LEVEL_UNSET)
		code = take_on_new(cli, &before, o->level);
	hone_targets_free(&before);

	fprintf(stderr, "hone: %u programs captured, %u refused\n", result.n_captured,
		result.n_refused);
	report = json_pack("{s:i,s:I,s:I}", "exit", result.exit_status, "captured",
			   (json_int_t)result.n_captured, "refused", (json_int_t)result.n_refused);
	hone_show(cli, report);
	return result.exit_status ? (enum hone_exit)result.exit_status : code;
}

const struct hone_command hone_cmd_run = {
	.name = "run",
	.summary = "run a loader and capture what it loads",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_run,
};
