// SPDX-License-Identifier: Apache-2.0
/* adopt: after a start, go on where an earlier daemon ended, however it did.
 *
 * What is pinned went on by itself: roots, images, guards, hooks. Each row of the store becomes a
 * session again. An image is trusted anew only if the facts that it was made from are on disk
 * under its program id and hold in the maps now (the ADOPTED event finds out); otherwise it is
 * replaced. What is pinned but in no row is taken away. Whatever is missing: the original. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/session.h"

/* Does the image compare epochs of the guard that the hooks raise now? */
static bool uses_guard(const struct hone_daemon *daemon, int image_fd)
{
	__u32 ids[HONE_MAPS_MAX * 2], n;
	struct bpf_map_info guard;

	if (hone_map_info(hone_watch_guard_fd(daemon->watch), &guard) ||
	    hone_prog_map_ids(image_fd, ids, HONE_MAPS_MAX * 2, &n))
		return false;
	for (__u32 i = 0; i < n; i++)
		if (ids[i] == guard.id)
			return true;
	return false;
}

/* The live generation from the kept facts. */
static int restore_live(struct hone_session *session)
{
	struct hone_generation *live = &session->live;
	struct bpf_prog_info info;
	struct hone_unit made_from;
	int err = hone_store_image_get(&session->daemon->store, session->deploy.image_id,
				       &made_from, &live->result);

	if (err)
		return err;
	live->facts = (struct hone_facts){.n_maps = made_from.n_maps, .maps = made_from.maps};
	made_from.maps = NULL;
	made_from.n_maps = 0;
	hone_unit_free(&made_from);
	if (live->facts.n_maps != session->unit.n_maps ||
	    hone_prog_info(session->deploy.image_fd, &info))
		return -EINVAL;

	live->exists = true;
	live->level = session->level;
	live->prog_id = session->deploy.image_id;
	live->n_insns = live->result.image.n_insns;
	memcpy(live->tag, info.tag, sizeof(live->tag));
	session->live_epoch = HONE_EPOCH_NEVER; /* until the facts were seen to hold */
	session->explained = hone_result_explain(&live->result, &session->unit, false);
	return 0;
}

static void begin(struct hone_session *session, const struct hone_choice *choice)
{
	const struct hone_daemon *daemon = session->daemon;
	bool is_wanted = !session->is_paused && session->level > 0;

	if (session->deploy.image_fd >= 0 && is_wanted &&
	    session->deploy.image_id == choice->image_id && choice->image_level == session->level &&
	    uses_guard(daemon, session->deploy.image_fd) && !restore_live(session)) {
		hone_log_info("%s: %s: adopted with its image", session->target.name,
			      session->unit.name);
		hone_session_event(session, HONE_EVENT_ADOPTED);
		return;
	}
	hone_generation_free(&session->live);
	if (session->deploy.image_fd >= 0) {
		hone_log_info("%s: %s: its image cannot be trusted any more", session->target.name,
			      session->unit.name);
		hone_image_withdraw(session);
	}
	hone_session_event(session, HONE_EVENT_BEGIN);
}

/* Unit, maps and session of a row whose program is still attached. */
static int open_session(struct hone_daemon *daemon, const struct hone_choice *choice,
			const struct hone_target *target, struct hone_session **out)
{
	struct hone_program *program = hone_programs_find(daemon->programs, choice->prog_id);
	struct hone_unit unit = {0};
	struct hone_maps maps = HONE_MAPS_EMPTY;
	_cleanup_free_ char *text = NULL;
	char error[HONE_DETAIL_LEN];
	int err;

	if (!program || program->refused != HONE_REWRITTEN)
		return -ENOENT;
	err = hone_unit_encode(&program->unit, &text);
	if (!err)
		err = hone_unit_decode(text, strlen(text), &unit, error);
	if (!err)
		err = hone_maps_open(&unit, &maps);
	if (!err)
		err = hone_session_new(daemon, target, &unit, &maps, choice->slot, out);
	if (err) {
		hone_maps_close(&maps);
		hone_unit_free(&unit);
		return err;
	}
	(*out)->level = choice->level;
	(*out)->is_paused = choice->is_paused;
	(*out)->generation = choice->generation;
	return 0;
}

/* What is pinned for a unit. A deployment that is not whole (killed while it was made) is none. */
static int find_deployment(const char *dir, int netns_fd, const struct hone_target *target,
			   uint32_t slot, struct hone_deployment *out)
{
	int err = hone_deploy_adopt(dir, netns_fd, target, slot, out);

	if (err == -EUCLEAN) {
		hone_log_info("%s: not whole: removed", dir);
		hone_deploy_sweep(dir);
	}
	if (err)
		*out = (struct hone_deployment)HONE_DEPLOYMENT_EMPTY;
	return err;
}

static void adopt_row(struct hone_daemon *daemon, const struct hone_choice *choice)
{
	_cleanup_close_ int netns_fd = hone_netns_open(choice->target.netns);
	struct hone_deployment deploy = HONE_DEPLOYMENT_EMPTY;
	struct hone_session *session;
	struct hone_target target;
	char dir[sizeof(deploy.dir)];
	bool is_attached;
	int err = -ENOENT;

	hone_unit_dir(daemon->config.bpffs, &choice->target, dir, sizeof(dir));
	(void)find_deployment(dir, netns_fd, &choice->target, choice->slot, &deploy);
	is_attached = netns_fd >= 0 &&
		      !hone_target_query(netns_fd, &choice->target, deploy.root_id, &target);
	if (is_attached && (target.prog_id == choice->prog_id ||
			    (deploy.dir[0] && target.prog_id == deploy.root_id)))
		err = open_session(daemon, choice, &target, &session);
	if (err) {
		hone_log_info("%s: program %u is no longer there, or no longer known",
			      choice->target.name, choice->prog_id);
		if (deploy.dir[0])
			hone_deploy_remove(&deploy, netns_fd);
		hone_watch_forget_slot(daemon->watch, choice->slot);
		hone_store_drop(&daemon->store, &choice->target);
		return;
	}
	session->target.prog_id = choice->prog_id; /* not the root's */
	session->deploy = deploy;
	begin(session, choice);
}

/* How it is attached is not in the name of its directory. */
static void remove_stray(struct hone_daemon *daemon, struct hone_target *target)
{
	_cleanup_close_ int netns_fd = hone_netns_open(target->netns);
	struct hone_deployment deploy;
	char dir[sizeof(deploy.dir)], pin[sizeof(dir) + 16];
	uint32_t root_id = 0;

	hone_unit_dir(daemon->config.bpffs, target, dir, sizeof(dir));
	snprintf(pin, sizeof(pin), "%s/original", dir);
	(void)hone_target_pinned(pin, &target->prog_id);
	snprintf(pin, sizeof(pin), "%s/root", dir);
	(void)hone_target_pinned(pin, &root_id);
	if (netns_fd >= 0)
		hone_target_query(netns_fd, target, root_id, target);
	if (find_deployment(dir, netns_fd, target, 0, &deploy))
		return;
	hone_log_info("%s: pins that nobody knows are removed", dir);
	hone_deploy_remove(&deploy, netns_fd);
}

/* Directories of units that no row of the store knows. */
static void remove_strays(struct hone_daemon *daemon)
{
	char path[300];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/units", daemon->config.bpffs);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		struct hone_target target;

		if (!hone_target_from_unit_name(entry->d_name, &target) &&
		    !hone_daemon_at(daemon, &target))
			remove_stray(daemon, &target);
	}
	if (dir)
		closedir(dir);
}

void hone_adopt_all(struct hone_daemon *daemon)
{
	uint32_t n = daemon->store.n_choices;
	_cleanup_free_ struct hone_choice *rows = calloc(n + 1, sizeof(*rows));

	if (!rows)
		return;
	if (n > 0)
		memcpy(rows, daemon->store.choices, n * sizeof(*rows));
	for (uint32_t i = 0; i < n; i++)
		if (!rows[i].is_detached)
			adopt_row(daemon, &rows[i]);
	remove_strays(daemon);
}
