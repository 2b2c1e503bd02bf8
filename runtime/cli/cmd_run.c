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

struct attached {
	uint32_t ifindex, prog_id;
};

/* What is attached to each interface here. Returns how many. */
static size_t list_attached(struct attached *out, size_t room)
{
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct if_nameindex *names = if_nameindex();
	size_t n = 0;

	for (const struct if_nameindex *name = names; name && name->if_index && n < room; name++) {
		struct hone_target target;

		if (!hone_target_query(netns_fd, name->if_index, &target))
			out[n++] = (struct attached){name->if_index, target.prog_id};
	}
	if (names)
		if_freenameindex(names);
	return n;
}

static bool was_there(const struct attached *before, size_t n, const struct attached *now)
{
	for (size_t i = 0; i < n; i++)
		if (before[i].ifindex == now->ifindex && before[i].prog_id == now->prog_id)
			return true;
	return false;
}

static enum hone_exit take_on(const struct hone_cli *cli, uint32_t ifindex, unsigned int level)
{
	_cleanup_json_ json_t *reply = NULL;
	char ifname[IF_NAMESIZE];
	enum hone_exit code;

	if (!if_indextoname(ifindex, ifname))
		return HONE_EXIT_OK;
	code = hone_call(
		cli,
		json_pack("{s:s,s:s,s:i}", "verb", "attach", "target", ifname, "level", (int)level),
		&reply);
	if (code == HONE_EXIT_NO_DAEMON)
		return hone_no_daemon(cli);
	if (!code)
		hone_say(cli, "%s: attached at level %u\n", ifname, level);
	return code;
}

static enum hone_exit do_run(struct hone_cli *cli, const void *opts)
{
	enum { INTERFACES_MAX = 1024 };
	const struct run_options *o = opts;
	static struct attached before[INTERFACES_MAX], after[INTERFACES_MAX];
	size_t n_before = list_attached(before, INTERFACES_MAX), n_after;
	struct hone_run_result result;
	enum hone_exit code = HONE_EXIT_OK;
	char units_dir[256];
	_cleanup_json_ json_t *report = NULL;
	int err;

	snprintf(units_dir, sizeof(units_dir), "%s/units", cli->state);
	err = hone_run_captured(units_dir, o->command, &result);
	if (err)
		return hone_fail(cli, HONE_EXIT_IMPOSSIBLE, "capture is not possible: %s",
				 strerror(-err));
	if (result.exit_status == 127 || result.exit_status == 126)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.200s: cannot be run", o->command[0]);

	n_after = list_attached(after, INTERFACES_MAX);
	for (size_t i = 0; o->level != HONE_LEVEL_UNSET && i < n_after && !code; i++)
		if (!was_there(before, n_before, &after[i]))
			code = take_on(cli, after[i].ifindex, o->level);

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
