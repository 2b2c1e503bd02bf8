// SPDX-License-Identifier: Apache-2.0
/* verbs: what a client can ask for, one row each. Answers at once: what takes longer shows in
 * `status`, where a client that wants to wait looks for "settled". */
#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/netns.h"
#include "runtime/daemon/protocol.h"
#include "runtime/daemon/session.h"

/* One request, decoded. */
struct request {
	struct hone_daemon *daemon;
	const char *target; /* NULL: none given */
	json_int_t level;   /* -1: none given */
	const json_t *unit; /* of the target's program, from its object; NULL: none given */
	int netns_fd;
	struct hone_session *session; /* of target, where the verb needs one */
};

static json_t *with_unit(const struct hone_session *session)
{
	return json_pack("{s:b,s:o}", "ok", 1, "unit", hone_session_status(session));
}

static json_t *ok(void)
{
	return json_pack("{s:b}", "ok", 1);
}

/* The operator's choice is on disk before it takes effect. */
static json_t *save_failed(const struct request *request, int err)
{
	return hone_error(HONE_EXIT_FAILED, HONE_NO_KERNEL_OBJECT, "%s: state directory: %s",
			  request->target, strerror(-err));
}

/* ---- attach, detach ---- */

/* Nothing at the XDP hook, or several at another: what could have been meant. */
static void list_names(const struct request *request, char *out, size_t size)
{
	struct hone_target_text parsed;
	struct hone_targets targets = {0};
	size_t at = 0;

	out[0] = '\0';
	if (hone_target_parse(request->target, &parsed) ||
	    hone_target_list_named(request->netns_fd, parsed.ifname, &targets))
		return;
	for (uint32_t i = 0; i < targets.n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
				       i ? ", " : "; there are: ", targets.at[i].name);
	hone_targets_free(&targets);
}

static json_t *resolve_failed(const struct request *request, int err)
{
	const char *text = request->target;
	char names[300];

	list_names(request, names, sizeof(names));

	switch (err) {
	case -EINVAL:
		return hone_error(
			HONE_EXIT_FAILED, HONE_REWRITTEN,
			"%s: not an interface, tc:NAME:SIDE, tcx:NAME:SIDE, id:N or the pin of "
			"a program",
			text);
	case -ENODEV:
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN, "%s: no such interface", text);
	case -ENOENT:
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN,
				  "%s: no such program, or nothing is attached there%s", text,
				  names);
	case -EMLINK:
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN,
				  "%s: more than one: say which%s", text, names);
	case -ENOTSUP:
		return hone_error(HONE_EXIT_FAILED, HONE_NO_ATTACH_TYPE,
				  "%s: neither an XDP program that runs in software nor a "
				  "direct-action tc program",
				  text);
	default:
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN, "%s: %s", text, strerror(-err));
	}
}

static json_t *set_level(struct request *request, unsigned int level, bool resume)
{
	struct hone_session *session = request->session;
	bool was_paused = session->is_paused;
	unsigned int was_level = session->level;
	int err;

	session->level = level;
	session->is_paused = was_paused && !resume;
	err = hone_daemon_save(request->daemon, session);
	if (err) {
		session->level = was_level;
		session->is_paused = was_paused;
		return save_failed(request, err);
	}
	if (was_paused && resume)
		hone_session_event(session, HONE_EVENT_RESUME);
	else if (level != was_level || session->state == HONE_STATE_REFUSED)
		hone_session_event(session, HONE_EVENT_LEVEL);
	return with_unit(session);
}

static void end_session(struct hone_session *session, enum hone_end why)
{
	session->end = why;
	hone_session_event(session, HONE_EVENT_END);
}

/* NULL: what was sent is what runs. */
static json_t *learn(const struct request *request, const struct hone_target *target)
{
	_cleanup_free_ char *text = json_dumps(request->unit, JSON_COMPACT);
	char cause[HONE_DETAIL_LEN] = "out of memory";
	struct hone_unit unit;
	json_t *error = NULL;

	if (!text || hone_unit_decode(text, strlen(text), &unit, cause))
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "unit: %s", cause);
	hone_daemon_learn(request->daemon, target, &unit, &error);
	return error;
}

static json_t *do_attach(struct request *request)
{
	struct hone_daemon *daemon = request->daemon;
	unsigned int level = request->level < 0 ? 2 : (unsigned int)request->level;
	struct hone_target target;
	json_t *error = NULL;
	int err;

	request->session = hone_daemon_find(daemon, request->target, request->netns_fd);
	err = hone_target_resolve(request->target, request->netns_fd, &target);
	if (err && !request->session)
		return resolve_failed(request, err);
	if (request->session && (err || target.prog_id == request->session->unit.prog_id ||
				 target.prog_id == request->session->deploy.root_id))
		return set_level(request, level, true);
	if (request->session) /* the owner has replaced it a moment ago */
		end_session(request->session, HONE_END_LOST);
	if (request->unit)
		error = learn(request, &target);
	if (error)
		return error;
	err = hone_daemon_attach(daemon, &target, level, &request->session, &error);
	return err ? error : with_unit(request->session);
}

static json_t *do_detach(struct request *request)
{
	struct hone_session *session = request->session;
	struct hone_choice choice = {
		.target = session->target,
		.prog_id = session->unit.prog_id,
		.is_detached = true,
	};
	int err = hone_store_put(&request->daemon->store, &choice);

	if (err)
		return save_failed(request, err);
	hone_log_info("%s: %s: detached", session->target.name, session->unit.name);
	end_session(session, HONE_END_DETACH);
	return ok();
}

/* ---- switches ---- */

static json_t *do_level(struct request *request)
{
	if (request->level < 0)
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "level: must be from 0 to 3");
	return set_level(request, (unsigned int)request->level, false);
}

static json_t *do_pause(struct request *request)
{
	struct hone_session *session = request->session;
	int err;

	session->is_paused = true;
	err = hone_daemon_save(request->daemon, session);
	if (err) {
		session->is_paused = session->state == HONE_STATE_PAUSED;
		return save_failed(request, err);
	}
	hone_session_event(session, HONE_EVENT_PAUSE);
	return with_unit(session);
}

static json_t *do_resume(struct request *request)
{
	return set_level(request, request->session->level, true);
}

/* ---- reports ---- */

/* Calls that made every guard broken, by cause: what keeps units generic for no reason of theirs.
 */
static json_t *hooks_json(const struct hone_daemon *daemon)
{
	static const char *const causes[] = {
		[HONE_RAISE_THREADS] = "threads",
		[HONE_RAISE_UNREADABLE] = "unreadable",
		[HONE_RAISE_SYSCALL_PROG] = "syscall_program",
		[HONE_RAISE_UNSEEN] = "unseen",
		[HONE_RAISE_LINK] = "iterator_link",
	};
	_Static_assert(sizeof(causes) / sizeof(causes[0]) == HONE_RAISE_N,
		       "a new cause needs a name");
	struct hone_watch_counts counts;
	json_t *json = json_object();

	hone_watch_counts(daemon->watch, &counts);
	for (int i = 0; i < HONE_RAISE_N; i++)
		json_object_set_new(json, causes[i],
				    json_integer((json_int_t)counts.n_raised_all[i]));
	json_object_set_new(json, "last_pid", json_integer(counts.last_tgid));
	return json;
}

static json_t *do_status(struct request *request)
{
	json_t *units = json_array();

	for (const struct hone_session *s = request->daemon->sessions; s; s = s->next)
		if (!request->target || s == request->session)
			json_array_append_new(units, hone_session_status(s));
	return json_pack("{s:b,s:o,s:{s:o,s:i,s:I,s:s}}", "ok", 1, "units", units, "daemon",
			 "raised_all", hooks_json(request->daemon), "pid", (int)getpid(),
			 "worker_pid", (json_int_t)hone_worker_pid(request->daemon->worker),
			 "worker", hone_worker_why(request->daemon->worker));
}

static json_t *do_explain(struct request *request)
{
	const struct hone_session *session = request->session;
	json_t *reply = json_pack("{s:b,s:o}", "ok", 1, "unit", hone_session_status(session));

	if (session->explained)
		json_object_update(reply, session->explained);
	else
		json_object_update_new(
			reply, json_pack("{s:[],s:[],s:{}}", "sites", "passes", "times_ms"));
	return reply;
}

/* "pending": a write or an analysis is in the way; ask again. */
static json_t *do_snapshot(struct request *request)
{
	struct hone_session *session = request->session;
	enum hone_reason reason = session->reason;
	struct hone_unit unit = session->unit;
	_cleanup_free_ char *text = NULL;
	char detail[HONE_DETAIL_LEN];
	struct hone_facts facts;
	json_t *reply;
	int err;

	memcpy(detail, session->detail, sizeof(detail));
	err = hone_facts_snapshot(session, &facts);
	if (err == -EAGAIN || err == -EINPROGRESS)
		return json_pack("{s:b,s:b}", "ok", 1, "pending", 1);
	if (err) {
		reply = hone_error(HONE_EXIT_FAILED, session->reason, "%s: %s: %s", request->target,
				   hone_reason_text(session->reason), session->detail);
		session->reason = reason; /* of the session's own doing */
		memcpy(session->detail, detail, sizeof(detail));
		return reply;
	}
	unit.maps = facts.maps;
	err = hone_unit_encode(&unit, &text);
	hone_facts_free(&facts);
	if (err)
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN, "%s: %s", request->target,
				  strerror(-err));
	return json_pack("{s:b,s:o}", "ok", 1, "unit", json_loads(text, 0, NULL));
}

/* The unit and what packets meet in its place, as instructions: for `hone diff`. */
static json_t *do_image(struct request *request)
{
	const struct hone_session *session = request->session;
	_cleanup_free_ char *unit = NULL, *image = NULL;
	int err;

	if (!session->live.exists || session->live.result.image.n_insns == 0)
		return hone_error(HONE_EXIT_INACTIVE, session->reason,
				  session->live.exists ? "%s: its image was made by an earlier "
							 "daemon, of which no instructions are kept"
						       : "%s: has no image now",
				  request->target);
	err = hone_unit_encode(&session->unit, &unit);
	if (!err)
		err = hone_result_encode(&session->live.result, &image);
	if (err)
		return hone_error(HONE_EXIT_FAILED, HONE_REWRITTEN, "%s: %s", request->target,
				  strerror(-err));
	return json_pack("{s:b,s:o,s:o,s:o}", "ok", 1, "unit", json_loads(unit, 0, NULL), "image",
			 json_loads(image, 0, NULL), "status", hone_session_status(session));
}

/* ---- dispatch ---- */

enum needs { NOTHING, NAME, SESSION, SESSION_IF_NAMED };

static const struct verb {
	const char *name;
	enum needs needs;
	json_t *(*fn)(struct request *request);
} verbs[] = {
	{"attach", NAME, do_attach},	  {"detach", SESSION, do_detach},
	{"level", SESSION, do_level},	  {"pause", SESSION, do_pause},
	{"resume", SESSION, do_resume},	  {"status", SESSION_IF_NAMED, do_status},
	{"explain", SESSION, do_explain}, {"snapshot", SESSION, do_snapshot},
	{"image", SESSION, do_image},
};

static json_t *run_verb(const struct verb *verb, struct request *request)
{
	bool needs_session =
		verb->needs == SESSION || (verb->needs == SESSION_IF_NAMED && request->target);

	if (!request->target && (verb->needs == NAME || verb->needs == SESSION))
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "%s: needs a TARGET",
				  verb->name);
	if (needs_session) {
		request->session =
			hone_daemon_find(request->daemon, request->target, request->netns_fd);
		if (!request->session)
			return hone_error(HONE_EXIT_INACTIVE, HONE_REWRITTEN, "%s: not attached",
					  request->target);
	}
	return verb->fn(request);
}

json_t *hone_daemon_answer(void *daemon, const json_t *json, int netns_fd)
{
	struct request request = {.daemon = daemon, .level = -1, .netns_fd = netns_fd};
	const char *name = json_string_value(json_object_get(json, "verb"));
	const json_t *target = json_object_get(json, "target");
	const json_t *level = json_object_get(json, "level");

	if (!name)
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "request: has no verb");
	if (target && !json_is_string(target))
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "target: must be a string");
	if (level && (!json_is_integer(level) || json_integer_value(level) < 0 ||
		      json_integer_value(level) > 3))
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "level: must be from 0 to 3");
	if (netns_fd >= 0 && !hone_netns_inode(netns_fd))
		return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "not a network namespace");
	request.target = json_string_value(target);
	request.unit = json_object_get(json, "unit");
	if (level)
		request.level = json_integer_value(level);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return run_verb(&verbs[i], &request);
	return hone_error(HONE_EXIT_USAGE, HONE_REWRITTEN, "%.40s: unknown verb", name);
}
