// SPDX-License-Identifier: Apache-2.0
/* attach: from a target to a session, and which session a target means.
 *
 * Refuses what was not captured or is not what was captured. Nothing that packets meet changes
 * here: the session's first event does that, much later. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/protocol.h"
#include "runtime/daemon/session.h"

struct hone_session *hone_daemon_at(struct hone_daemon *daemon, const struct hone_target *point)
{
	struct hone_session *session = daemon->sessions;

	while (session && !hone_target_is_same_point(&session->target, point))
		session = session->next;
	return session;
}

static struct hone_session *find_by_program(struct hone_daemon *daemon, uint32_t prog_id)
{
	struct hone_session *session = daemon->sessions;

	while (session && session->unit.prog_id != prog_id && session->deploy.root_id != prog_id)
		session = session->next;
	return prog_id ? session : NULL;
}

/* The only one that the text can mean; of several it means none. */
static struct hone_session *find_by_name(struct hone_daemon *daemon, const char *text,
					 uint64_t netns)
{
	struct hone_session *found = NULL;
	struct hone_target_text parsed;

	if (hone_target_parse(text, &parsed))
		return NULL;
	for (struct hone_session *s = daemon->sessions; s; s = s->next) {
		if (s->target.netns != netns || !hone_target_matches(&s->target, &parsed))
			continue;
		if (found)
			return NULL;
		found = s;
	}
	return found;
}

struct hone_session *hone_daemon_find(struct hone_daemon *daemon, const char *text, int netns_fd)
{
	uint32_t prog_id;

	if (strncmp(text, "id:", 3) == 0)
		return find_by_program(daemon, (uint32_t)strtoul(text + 3, NULL, 10));
	if (strchr(text, '/'))
		return hone_target_pinned(text, &prog_id) ? NULL : find_by_program(daemon, prog_id);
	return find_by_name(daemon, text, hone_netns_inode(netns_fd));
}

int hone_daemon_slot(const struct hone_daemon *daemon)
{
	bool is_used[HONE_SLOT_N] = {false};

	for (const struct hone_session *s = daemon->sessions; s; s = s->next)
		is_used[s->slot] = true;
	for (uint32_t i = 0; i < daemon->store.n_choices; i++)
		if (!daemon->store.choices[i].is_detached)
			is_used[daemon->store.choices[i].slot] = true;
	for (int slot = 0; slot < HONE_SLOT_N; slot++)
		if (!is_used[slot])
			return slot;
	return -ENOSPC;
}

int hone_daemon_save(struct hone_daemon *daemon, const struct hone_session *session)
{
	const struct hone_generation *image =
		session->candidate.exists ? &session->candidate : &session->live;

	return hone_store_put(&daemon->store,
			      &(struct hone_choice){
				      .target = session->target,
				      .prog_id = session->unit.prog_id,
				      .slot = session->slot,
				      .level = session->level,
				      .is_paused = session->is_paused,
				      .image_id = image->exists ? image->prog_id : 0,
				      .image_level = image->level,
				      .generation = session->generation,
			      });
}

/* A deep copy of what was captured. */
static int copy_unit(const struct hone_program *program, struct hone_unit *out, char *detail)
{
	_cleanup_free_ char *text = NULL;
	int err = hone_unit_encode(&program->unit, &text);

	return err ? err : hone_unit_decode(text, strlen(text), out, detail);
}

static int refuse(json_t **error, int err, enum hone_reason reason, const char *name,
		  const char *detail)
{
	*error = hone_error(HONE_EXIT_FAILED, reason, "%s: %s%s%s", name, hone_reason_text(reason),
			    detail[0] ? ": " : "", detail);
	return err;
}

static int open_unit(struct hone_daemon *daemon, const struct hone_target *target,
		     struct hone_unit *unit, struct hone_maps *maps, json_t **error)
{
	struct hone_program *program = hone_programs_find(daemon->programs, target->prog_id);
	char detail[HONE_DETAIL_LEN] = "";
	int err;

	if (!program || hone_programs_verify(program))
		return refuse(error, -ENOENT, HONE_NO_CAPTURE, target->name, detail);
	if (program->refused != HONE_REWRITTEN)
		return refuse(error, -ENOTSUP, program->refused, target->name, program->detail);
	err = copy_unit(program, unit, detail);
	if (err)
		return refuse(error, err, HONE_NO_KERNEL_OBJECT, target->name, detail);
	err = hone_maps_open(unit, maps);
	if (err) {
		hone_unit_free(unit);
		return refuse(error, err, HONE_NO_KERNEL_OBJECT, target->name, strerror(-err));
	}
	return 0;
}

/* Whoever sent it compared it as well, but it is the daemon that relies on it. */
int hone_daemon_learn(struct hone_daemon *daemon, const struct hone_target *target,
		      struct hone_unit *unit, json_t **error)
{
	char detail[HONE_DETAIL_LEN] = "another program runs by now";
	int err = unit->prog_id == target->prog_id ? hone_unit_verify(unit, detail) : -EBADMSG;

	if (err) {
		hone_unit_free(unit);
		return refuse(error, err, HONE_NO_OBJECT_DIFFERS, target->name, detail);
	}
	hone_log_info("%s: program %u (%s): known from its object", target->name, unit->prog_id,
		      unit->name);
	err = hone_programs_learn(daemon->programs, unit);
	return err ? refuse(error, err, HONE_NO_KERNEL_OBJECT, target->name, strerror(-err)) : 0;
}

int hone_daemon_attach(struct hone_daemon *daemon, const struct hone_target *target,
		       unsigned int level, struct hone_session **out, json_t **error)
{
	struct hone_session *session;
	struct hone_maps maps = HONE_MAPS_EMPTY;
	struct hone_unit unit = {0};
	int slot = hone_daemon_slot(daemon);
	int err;

	if (slot < 0)
		return refuse(error, slot, HONE_NO_SLOT, target->name, "");
	err = open_unit(daemon, target, &unit, &maps, error);
	if (err)
		return err;
	err = hone_session_new(daemon, target, &unit, &maps, (uint32_t)slot, &session);
	if (err) {
		hone_maps_close(&maps);
		hone_unit_free(&unit);
		return refuse(error, err, HONE_NO_KERNEL_OBJECT, target->name, strerror(-err));
	}
	session->level = level;
	err = hone_daemon_save(daemon, session);
	if (err) {
		hone_session_free(&session);
		return refuse(error, err, HONE_NO_KERNEL_OBJECT, target->name, strerror(-err));
	}
	hone_log_info("%s: %s: attached at level %u", target->name, session->unit.name, level);
	hone_session_event(session, HONE_EVENT_BEGIN);
	*out = session;
	return 0;
}
