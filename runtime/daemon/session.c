// SPDX-License-Identifier: Apache-2.0
/* session: what one unit does on each event: a table of states and events.
 *
 * At any instant packets meet either the original or an image all of whose assumptions are
 * enforced; when in doubt, the original. So nothing here is on the path from a change to the next
 * packet: the kernel has already broken the guard when MOVED arrives, and this file only finds
 * out when an image may be trusted again. An image is trusted by storing into its `expected` the
 * epoch for which all of its assumptions were seen to hold, and not otherwise.
 *
 * Here: the table, and what begins and ends a session. The steps between, from facts to an image
 * that packets meet, are in session_steps.c. */
#include "runtime/daemon/session.h"

#include <errno.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/daemon/session_steps.h"

typedef enum hone_state action(struct hone_session *session);

const char *hone_state_name(enum hone_state state)
{
	static const char *const names[] = {
#define STATE(id, name) [HONE_STATE_##id] = name,
#include "runtime/daemon/states.def"
#undef STATE
	};

	return names[state];
}

const char *hone_event_name(enum hone_event event)
{
	static const char *const names[] = {
#define EVENT(id, name) [HONE_EVENT_##id] = name,
#include "runtime/daemon/states.def"
#undef EVENT
	};

	return names[event];
}

/* ---- beginnings and ends ---- */

/* From the start: attached, another level, another policy. */
static enum hone_state begin(struct hone_session *session)
{
	hone_step_cancel(session);
	hone_facts_free(&session->refused);
	hone_step_reason(session, HONE_REWRITTEN, "");
	session->must_compile = true;
	session->n_deaths = 0;
	session->n_not_faster = 0;
	session->compiled_ms = 0;
	session->busy_maps = 0;
	hone_busy_rest(session);
	if (session->is_paused)
		return hone_step_withdraw(session, HONE_STATE_PAUSED);
	if (session->level < session->live.level)
		hone_image_withdraw(session);
	session->state = session->level == 0 ? HONE_STATE_OBSERVING : HONE_STATE_COMPILING;
	return hone_step_work(session);
}

/* Found after a restart: the image's facts may still hold. */
static enum hone_state adopt(struct hone_session *session)
{
	session->state = HONE_STATE_GENERIC;
	return hone_step_work(session);
}

/* ---- changes ---- */

static enum hone_state moved_live(struct hone_session *session)
{
	if (hone_watch_begin(session->daemon->watch, session->slot) == session->live_epoch)
		return session->state; /* told before it was published anew */
	hone_step_try_again(session, session->daemon->settings.quiet_ms);
	return HONE_STATE_GENERIC;
}

static enum hone_state moved_again(struct hone_session *session)
{
	hone_step_try_again(session, session->daemon->settings.quiet_ms);
	return session->state;
}

static enum hone_state pause_now(struct hone_session *session)
{
	hone_step_cancel(session);
	hone_step_reason(session, HONE_REWRITTEN, "");
	return hone_step_withdraw(session, HONE_STATE_PAUSED);
}

static enum hone_state sick(struct hone_session *session)
{
	hone_step_reason(session, HONE_NO_WATCH, "hooks gone, or a run of theirs was skipped");
	return hone_step_refuse(session);
}

static enum hone_state finish(struct hone_session *session)
{
	hone_step_cancel(session);
	hone_image_remove(session);
	return HONE_STATE_GONE;
}

static enum hone_state stay(struct hone_session *session)
{
	return session->state;
}

/* ---- the table ---- */

/* Columns in the order of states.def. A timer, a job or an answer that belongs to another state
 * was cancelled on leaving it, so its rows are never met there and say `stay`. */
// clang-format off
static action *const table[HONE_STATE_N][HONE_EVENT_N] = {
#define ROW(state, begin_, adopted, analysed_, answered_, checked_, gated_, moved, timer, level,    \
	    pause, resume, sick_, end_)                                                            \
	[HONE_STATE_##state] = {                                                                   \
		[HONE_EVENT_BEGIN] = begin_, [HONE_EVENT_ADOPTED] = adopted,                       \
		[HONE_EVENT_ANALYSED] = analysed_, [HONE_EVENT_ANSWERED] = answered_,              \
		[HONE_EVENT_CHECKED] = checked_, [HONE_EVENT_GATED] = gated_,                      \
		[HONE_EVENT_MOVED] = moved, [HONE_EVENT_TIMER] = timer,                            \
		[HONE_EVENT_LEVEL] = level, [HONE_EVENT_PAUSE] = pause,                            \
		[HONE_EVENT_RESUME] = resume, [HONE_EVENT_SICK] = sick_, [HONE_EVENT_END] = end_,  \
	},
	/*   state      BEGIN  ADOPTED ANALYSED ANSWERED  CHECKED  GATED  MOVED        TIMER    LEVEL  PAUSE      RESUME SICK  END */
	ROW(OBSERVING, begin, adopt, hone_step_analysed, hone_step_observed, stay,    stay,  stay,        hone_step_work,    begin, pause_now, stay,  stay, finish)
	ROW(COMPILING, begin, stay,  hone_step_analysed, hone_step_answered, stay,    stay,  stay,        hone_step_work,    begin, pause_now, stay,  sick, finish)
	ROW(CHECKING,  begin, stay,  hone_step_publish_analysed,
					       stay,     hone_step_checked, hone_step_gated, stay,        hone_step_publish, begin, pause_now, stay,  sick, finish)
	ROW(LIVE,      begin, stay,  hone_step_analysed,
					       stay,     stay,    stay,  moved_live,  hone_step_work, begin, pause_now, stay,  sick, finish)
	ROW(GENERIC,   begin, stay,  hone_step_analysed, stay,     stay,    stay,  hone_step_not_quiet, hone_step_work,    begin, pause_now, stay,  sick, finish)
	ROW(PAUSED,    begin, stay,  stay,     stay,     stay,    stay,  stay,        stay,    stay,  stay,      begin, stay, finish)
	ROW(REFUSED,   begin, stay,  hone_step_analysed, stay,     stay,    stay,  moved_again, hone_step_work,    begin, pause_now, begin, stay, finish)
	ROW(GONE,      stay,  stay,  stay,     stay,     stay,    stay,  stay,        stay,    stay,  stay,      stay,  stay, stay)
#undef ROW
};
// clang-format on

bool hone_session_has_row(enum hone_state state, enum hone_event event)
{
	return table[state][event] != NULL;
}

bool hone_session_event(struct hone_session *session, enum hone_event event)
{
	enum hone_state before = session->state, after;

	hone_maps_open_arrays(&session->unit, &session->maps); /* logs; whoever needs one refuses */
	after = table[before][event](session);
	hone_maps_close_arrays(&session->unit, &session->maps);
	session->state = after;
	if (after != before) {
		uint64_t now_ms = hone_now_ms();

		hone_log_info("%s: %s: %s: %s -> %s after %llu ms", session->target.name,
			      session->unit.name, hone_event_name(event), hone_state_name(before),
			      hone_state_name(after),
			      (unsigned long long)(now_ms - session->since_ms));
		session->since_ms = now_ms;
	}
	if (after != HONE_STATE_GONE)
		return true;
	hone_session_free(&session);
	return false;
}

/* ---- life ---- */

static void timer_due(void *arg)
{
	hone_session_event(arg, HONE_EVENT_TIMER);
}

int hone_session_new(struct hone_daemon *daemon, const struct hone_target *target,
		     struct hone_unit *unit, struct hone_maps *maps, uint32_t slot,
		     struct hone_session **out)
{
	struct hone_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	*session = (struct hone_session){
		.daemon = daemon,
		.next = daemon->sessions,
		.target = *target,
		.unit = *unit,
		.maps = *maps,
		.slot = slot,
		.since_ms = hone_now_ms(),
		.deploy = HONE_DEPLOYMENT_EMPTY,
		.live = {.image_fd = -1, .table_fd = -1},
		.candidate = {.image_fd = -1, .table_fd = -1},
		.look_again_ms = HONE_LOOK_AGAIN_MIN_MS,
		.retry_ms = HONE_RETRY_MIN_MS,
		.timer = {.fn = timer_due, .arg = session},
	};
	hone_maps_close_arrays(&session->unit, &session->maps);
	*unit = (struct hone_unit){0};
	*maps = (struct hone_maps){0};
	daemon->sessions = session;
	*out = session;
	return 0;
}

void hone_session_free(struct hone_session **session)
{
	struct hone_session *s = TAKE_PTR(*session);
	struct hone_session **at;

	if (!s)
		return;
	for (at = &s->daemon->sessions; *at != s;)
		at = &(*at)->next;
	*at = s->next;
	hone_step_cancel(s);
	hone_generation_free(&s->live);
	hone_facts_free(&s->refused);
	hone_facts_free(&s->sample);
	hone_result_free(&s->answer);
	json_decref(s->explained);
	hone_deploy_close(&s->deploy);
	hone_maps_close(&s->maps);
	hone_unit_free(&s->unit);
	free(s);
}
