// SPDX-License-Identifier: Apache-2.0
/* offline: the operator's switches while no daemon runs. They act on the pins through the same
 * functions as the daemon, under the same lock, and are written where the next daemon reads them.
 * Only towards the original: what needs a compiler needs a daemon. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/command.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/store.h"
#include "runtime/deploy/swap.h"
#include "runtime/live/watch.h"

enum { LOCK_WAIT_MS = 1000 };

/* Does the unit run this program, by itself or under its root? */
static bool is_unit_of(const struct hone_cli *cli, const struct hone_choice *choice,
		       uint32_t prog_id)
{
	char dir[256], path[300];
	uint32_t root_id;

	hone_unit_dir(cli->bpffs, &choice->target, dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/root", dir);
	return choice->prog_id == prog_id ||
	       (!hone_target_pinned(path, &root_id) && root_id == prog_id);
}

/* How many rows TARGET can mean, and the first of them. */
static uint32_t find(const struct hone_cli *cli, const struct hone_store *store, const char *target,
		     struct hone_choice **out)
{
	uint64_t netns = hone_netns_inode(-1);
	struct hone_target_text parsed;
	uint32_t prog_id = 0, n = 0;
	bool is_name = !hone_target_parse(target, &parsed);

	if (strncmp(target, "id:", 3) == 0)
		prog_id = (uint32_t)strtoul(target + 3, NULL, 10);
	else if (strchr(target, '/'))
		(void)hone_target_pinned(target, &prog_id);

	for (uint32_t i = 0; i < store->n_choices; i++) {
		struct hone_choice *choice = &store->choices[i];

		if (choice->is_detached)
			continue;
		if (prog_id ? is_unit_of(cli, choice, prog_id)
			    : is_name && choice->target.netns == netns &&
				      hone_target_matches(&choice->target, &parsed))
			*out = n++ ? *out : choice;
	}
	return n;
}

static int act_on_pins(const struct hone_cli *cli, const struct hone_choice *choice,
		       enum hone_offline what)
{
	_cleanup_close_ int netns_fd = hone_netns_open(choice->target.netns);
	struct hone_deployment deploy = HONE_DEPLOYMENT_EMPTY;
	char dir[sizeof(deploy.dir)];
	int err;

	hone_unit_dir(cli->bpffs, &choice->target, dir, sizeof(dir));
	err = hone_deploy_adopt(dir, netns_fd, &choice->target, choice->slot, &deploy);
	if (err == -EUCLEAN)
		hone_deploy_sweep(dir);
	if (err == -ENOENT || err == -EUCLEAN)
		return 0; /* nothing is deployed: the choice alone counts */
	if (err)
		return err;
	err = what == HONE_OFFLINE_DETACH ? hone_deploy_remove(&deploy, netns_fd)
					  : hone_deploy_withdraw(&deploy, netns_fd);
	hone_deploy_close(&deploy);
	return err;
}

/* No map feeds the slot any more; without any unit, nor do the hooks have a purpose. */
static void leave_hooks(const struct hone_cli *cli, struct hone_store *store, uint32_t slot)
{
	struct hone_watch *watch = NULL;
	char units[300];

	if (!hone_watch_open_existing(cli->bpffs, &watch))
		hone_watch_forget_slot(watch, slot);
	hone_watch_close(&watch);
	for (uint32_t i = 0; i < store->n_choices; i++)
		if (!store->choices[i].is_detached)
			return;
	hone_watch_unpin(cli->bpffs);
	hone_store_rest(store);
	snprintf(units, sizeof(units), "%s/units", cli->bpffs);
	rmdir(units);
}

static struct hone_choice chosen(const struct hone_choice *was, enum hone_offline what)
{
	struct hone_choice choice = *was;

	choice.image_id = 0;
	if (what == HONE_OFFLINE_LEVEL_0)
		choice.level = 0;
	choice.is_paused |= what == HONE_OFFLINE_PAUSE;
	choice.is_detached = what == HONE_OFFLINE_DETACH;
	return choice;
}

static enum hone_exit act(const struct hone_cli *cli, struct hone_store *store, const char *target,
			  enum hone_offline what)
{
	struct hone_choice *row = NULL;
	uint32_t n = find(cli, store, target, &row);
	struct hone_choice choice;
	_cleanup_json_ json_t *report = NULL;
	int err;

	if (n > 1)
		return hone_fail(cli, HONE_EXIT_FAILED, "%s: more than one unit: say which",
				 target);
	if (!row)
		return hone_no_daemon(cli);
	choice = chosen(row, what);
	err = hone_store_put(store, &choice);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%s: %s", cli->state, strerror(-err));
	err = act_on_pins(cli, &choice, what);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%s: pins: %s", target, strerror(-err));
	if (what == HONE_OFFLINE_DETACH)
		leave_hooks(cli, store, choice.slot);

	report = json_pack("{s:b,s:s,s:b}", "ok", 1, "target", target, "offline", 1);
	hone_show(cli, report);
	hone_say(cli, "%s: %s, without a daemon\n", target,
		 what == HONE_OFFLINE_DETACH  ? "detached"
		 : what == HONE_OFFLINE_PAUSE ? "paused"
					      : "level 0");
	return HONE_EXIT_OK;
}

enum hone_exit hone_offline(const struct hone_cli *cli, const char *target, enum hone_offline what)
{
	_cleanup_close_ int lock = -1;
	struct hone_store store;
	enum hone_exit code;
	int err;

	if (access(cli->bpffs, F_OK))
		return hone_no_daemon(cli);
	lock = hone_store_lock(cli->bpffs, LOCK_WAIT_MS);
	if (lock == -EBUSY)
		return hone_fail(cli, HONE_EXIT_NO_DAEMON,
				 "a honed holds %.120s, but does not answer at %.120s", cli->bpffs,
				 cli->socket);
	if (lock < 0)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.120s: %s", cli->bpffs, strerror(-lock));
	err = hone_store_open(cli->state, cli->bpffs, &store);
	if (err)
		return hone_fail(cli, HONE_EXIT_FAILED, "%.120s: %s", cli->state, strerror(-err));
	code = act(cli, &store, target, what);
	hone_store_close(&store);
	return code;
}
