// SPDX-License-Identifier: Apache-2.0
/* session_image: an image from honec's answer to the slot, one step per function.
 *
 * The check and the measurement run in forked children, side by side, each on copies of the maps.
 * They are told apart from loaders: what they load is no unit and raises no epoch. What an image
 * was made from is on disk before packets can meet it, so that a new daemon can tell whether it
 * may still be trusted.
 * Decides nothing: session.c calls these in order. */
#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/session.h"

enum {
	CHECK_BATCH = 1000,
	CHECK_VARYING_MAX = 64, /* packets or batches not wholly compared */
	VERIFIED_FREE = 1000,	/* guard and small tables, on top of the ratio */
	CHECK_WALL_MS = 60000,
	CHECK_CPU_SECONDS = 60,
};

static const struct hone_job_limits job_limits = {
	.wall_ms = CHECK_WALL_MS,
	.cpu_seconds = CHECK_CPU_SECONDS,
	.rss_bytes = 2ull << 30,
};

static int fail(struct hone_session *session, enum hone_reason reason, int err, const char *what)
{
	session->reason = reason;
	snprintf(session->detail, sizeof(session->detail), "%s: %s", what, strerror(-err));
	return err;
}

void hone_generation_free(struct hone_generation *generation)
{
	hone_facts_free(&generation->facts);
	hone_result_free(&generation->result);
	if (generation->image_fd >= 0)
		close(generation->image_fd);
	if (generation->table_fd >= 0)
		close(generation->table_fd);
	*generation = (struct hone_generation){.image_fd = -1, .table_fd = -1};
}

/* ---- load ---- */

static int begin_deployment(struct hone_session *session)
{
	char dir[sizeof(session->deploy.dir)];

	if (session->deploy.dir[0])
		return 0;
	hone_unit_dir(session->daemon->config.bpffs, &session->target, dir, sizeof(dir));
	return hone_deploy_new(dir, &session->target, session->slot, &session->deploy);
}

static void note_identity(struct hone_generation *generation)
{
	struct bpf_prog_info info;

	generation->n_insns = generation->result.image.n_insns;
	if (!hone_prog_info(generation->image_fd, &info))
		memcpy(generation->tag, info.tag, sizeof(generation->tag));
}

/* What the verifier walks is what a load costs, and how near the image is to no load at all. */
static int check_budget(struct hone_session *session, uint32_t n_verified)
{
	const struct hone_settings *settings = &session->daemon->settings;
	struct bpf_prog_info original = {0};
	double allowed = settings->max_verified;

	if (!hone_prog_info_by_id(session->unit.prog_id, &original)) {
		double by_ratio =
			settings->max_verified_ratio * original.verified_insns + VERIFIED_FREE;

		allowed = by_ratio < allowed ? by_ratio : allowed;
	}
	if (n_verified <= allowed)
		return 0;
	session->reason = HONE_NO_BUDGET_VERIFIED;
	snprintf(session->detail, sizeof(session->detail),
		 "%u instructions of the image, %u of the original, allowed are %.0f", n_verified,
		 original.verified_insns, allowed);
	return -E2BIG;
}

int hone_image_load(struct hone_session *session)
{
	struct hone_generation *candidate = &session->candidate;
	struct hone_loaded loaded;
	char log[HONE_DETAIL_LEN] = "";
	int err = begin_deployment(session);

	if (err)
		return fail(session, HONE_NO_KERNEL_OBJECT, err, "pins below bpffs");
	candidate->table_fd = hone_load_table(&candidate->result.image);
	if (candidate->table_fd < 0)
		return fail(session, HONE_NO_KERNEL_OBJECT, candidate->table_fd, "table");

	err = hone_load_image(
		&session->unit, &candidate->result.image,
		&(struct hone_image_env){
			.maps = &session->maps,
			.table_fd = candidate->table_fd,
			.guard_fd = hone_watch_guard_fd(session->daemon->watch),
			.guard_offset = session->slot * (uint32_t)sizeof(struct hone_guard_slot),
			.slots_fd = session->deploy.slots_fd,
			.counts_fd = session->deploy.counts_fd,
		},
		&loaded, log);
	if (err) {
		session->reason = HONE_CHECK_VERIFIER;
		snprintf(session->detail, sizeof(session->detail), "%s",
			 log[0] ? log : strerror(-err));
		return err;
	}
	candidate->image_fd = loaded.fd;
	candidate->prog_id = loaded.id;
	note_identity(candidate);
	return check_budget(session, loaded.n_verified);
}

/* ---- check and gate, in children ---- */

/* First thing in a child: its programs are nobody's business, its packets come from the unit's
 * network namespace. */
static void enter_child(const struct hone_session *session)
{
	int netns_fd = hone_netns_open(session->target.netns);

	hone_capture_ignore(session->daemon->capture, getpid());
	hone_watch_exempt(session->daemon->watch, getpid());
	if (netns_fd >= 0)
		hone_netns_enter(netns_fd); /* the child ends there */
}

/* The chain as it is now; one that is refused by now will be told again by the next facts. */
static int find_chain(const struct hone_session *session, struct hone_chain *out)
{
	int err = hone_session_chain(session, false, out);

	return !err && out->refused != HONE_REWRITTEN ? -ESTALE : err;
}

static void run_check(void *arg, void *result)
{
	const struct hone_session *session = arg;
	struct hone_check_result *out = result;
	struct hone_chain chain;
	int err;

	enter_child(session);
	err = find_chain(session, &chain);
	if (!err)
		err = hone_check_image(&session->unit, &session->maps,
				       &session->candidate.result.image,
				       &(struct hone_check_opts){
					       .n_packets = session->daemon->settings.check_packets,
					       .batch = CHECK_BATCH,
					       .seed = 1 + session->generation,
					       .chain = &chain,
					       .max_varying = CHECK_VARYING_MAX,
				       },
				       out);
	if (err) {
		out->refused = HONE_NO_CHECK;
		snprintf(out->detail, sizeof(out->detail), "differential run: %s", strerror(-err));
	}
}

static void note_death(struct hone_session *session, const void *result, const char *how)
{
	snprintf(session->job_died, sizeof(session->job_died), "%s", result ? "" : how);
}

static void check_done(void *arg, const void *result, const char *how)
{
	struct hone_session *session = arg;

	note_death(session, result, how);
	if (result)
		session->checked = *(const struct hone_check_result *)result;
	if (result && session->checked.n_varying > 0)
		hone_log_info(
			"%s: check: %u packets or batches vary by themselves; not compared: %s",
			session->unit.name, session->checked.n_varying, session->checked.excluded);
	hone_session_event(session, HONE_EVENT_CHECKED);
}

int hone_image_check(struct hone_session *session)
{
	int err = hone_job_start(session->daemon->loop, &job_limits, run_check, session,
				 sizeof(struct hone_check_result), check_done, session,
				 &session->check_job);

	return err ? fail(session, HONE_NO_CHECK, err, "differential run") : 0;
}

static void run_gate(void *arg, void *result)
{
	const struct hone_session *session = arg;
	const struct hone_settings *settings = &session->daemon->settings;
	struct hone_gate_result *out = result;
	struct hone_chain chain;
	int err;

	enter_child(session);
	err = find_chain(session, &chain);
	if (!err)
		err = hone_gate_run(&session->unit, &session->maps,
				    &session->candidate.result.image,
				    &(struct hone_gate_opts){
					    .pairs = settings->gate_pairs,
					    .packets = settings->gate_packets,
					    .min_ratio = settings->gate_min_ratio,
					    .seed = 1 + session->generation,
					    .chain = &chain,
				    },
				    out);
	if (err) {
		out->refused = HONE_NO_CHECK;
		snprintf(out->detail, sizeof(out->detail), "measurement: %s", strerror(-err));
	}
}

static void gate_done(void *arg, const void *result, const char *how)
{
	struct hone_session *session = arg;

	note_death(session, result, how);
	if (result)
		session->gated = *(const struct hone_gate_result *)result;
	hone_session_event(session, HONE_EVENT_GATED);
}

int hone_image_gate(struct hone_session *session)
{
	int err = hone_job_start(session->daemon->loop, &job_limits, run_gate, session,
				 sizeof(struct hone_gate_result), gate_done, session,
				 &session->gate_job);

	return err ? fail(session, HONE_NO_CHECK, err, "measurement") : 0;
}

/* ---- what packets meet ---- */

/* On disk before packets can meet the image. */
static int remember(struct hone_session *session)
{
	struct hone_daemon *daemon = session->daemon;
	struct hone_unit made_from = session->unit;
	int err;

	made_from.maps = session->candidate.facts.maps;
	err = hone_store_image_put(&daemon->store, session->candidate.prog_id, &made_from,
				   &session->candidate.result);
	return err ? err : hone_daemon_save(daemon, session);
}

static void forget_live(struct hone_session *session)
{
	if (session->live.exists)
		hone_store_image_drop(&session->daemon->store, session->live.prog_id);
	hone_generation_free(&session->live);
}

int hone_image_publish(struct hone_session *session, const struct hone_facts *now)
{
	struct hone_generation *candidate = &session->candidate;
	_cleanup_close_ int netns_fd = hone_netns_open(session->target.netns);
	int err;

	candidate->exists = true;
	err = remember(session);

	if (err)
		return fail(session, HONE_NO_KERNEL_OBJECT, err, "state directory");
	err = hone_expected_set(candidate->table_fd, now->epoch);
	if (!err)
		err = hone_deploy_image(&session->deploy, netns_fd, &session->unit, &session->maps,
					candidate->image_fd, candidate->table_fd);
	if (err) {
		hone_store_image_drop(&session->daemon->store, candidate->prog_id);
		return fail(session, HONE_NO_KERNEL_OBJECT, err, "swap");
	}
	candidate->image_fd = candidate->table_fd = -1; /* the deployment's now */

	forget_live(session);
	session->live = *candidate;
	*candidate = (struct hone_generation){.image_fd = -1, .table_fd = -1};
	session->live_epoch = now->epoch;
	session->generation++;
	session->n_swaps++;
	return 0;
}

int hone_image_republish(struct hone_session *session, const struct hone_facts *now)
{
	int err = hone_expected_set(session->deploy.table_fd, now->epoch);

	if (err)
		return fail(session, HONE_NO_KERNEL_OBJECT, err, "table");
	session->live_epoch = now->epoch;
	session->n_republished++;
	return 0;
}

int hone_image_withdraw(struct hone_session *session)
{
	_cleanup_close_ int netns_fd = hone_netns_open(session->target.netns);
	int err = 0;

	if (session->deploy.dir[0])
		err = hone_deploy_withdraw(&session->deploy, netns_fd);
	if (err)
		hone_log_err(err, "%s: cannot withdraw", session->target.name);
	forget_live(session);
	return err;
}

int hone_image_remove(struct hone_session *session)
{
	_cleanup_close_ int netns_fd = hone_netns_open(session->target.netns);
	int err = 0;

	if (session->deploy.dir[0])
		err = hone_deploy_remove(&session->deploy, netns_fd);
	if (err)
		hone_log_err(err, "%s: cannot remove the pins", session->target.name);
	if (session->daemon->watch)
		hone_watch_forget_slot(session->daemon->watch, session->slot);
	forget_live(session);
	return err;
}
