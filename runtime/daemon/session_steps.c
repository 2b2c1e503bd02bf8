// SPDX-License-Identifier: Apache-2.0
/* session_steps: from facts to honec, from its answer to an image that packets meet, and what a
 * refusal on that way means. Each step returns the state that the session is in then.
 *
 * Does not read maps (session_facts.c) nor touch kernel objects (session_image.c). */
#include "runtime/daemon/session_steps.h"

#include <errno.h>
#include <string.h>

#include "runtime/common/log.h"

enum {
	RETRY_MAX_MS = 500,
	WORKER_RETRY_MS = 1000, /* after honec's death; times the deaths in a row */
	WORKER_DEATHS_MAX = 5,
	LOOK_AGAIN_MAX_MS = 60000,
	NOT_FASTER_MAX = 6,	     /* doublings of the gap between compiles */
	NOT_FASTER_RETRY_MS = 60000, /* the machine may have been busy */
	GAIN_LASTS_MS = 60000,	     /* until an image of the same shape is measured again */
	GAIN_NOISES = 3,	     /* a gain to inherit is beyond so many times the noise */
};

#define GAIN_MIN 1.1 /* and above the policy's minimum by this factor */

/* ---- small things ---- */

static struct hone_loop *loop_of(const struct hone_session *session)
{
	return session->daemon->loop;
}

void hone_step_reason(struct hone_session *session, enum hone_reason reason, const char *detail)
{
	session->reason = reason;
	snprintf(session->detail, sizeof(session->detail), "%s", detail);
}

void hone_step_try_again(struct hone_session *session, uint64_t delay_ms)
{
	hone_timer_set(loop_of(session), &session->timer, delay_ms);
}

/* Whatever is under way is no longer of interest. */
void hone_step_cancel(struct hone_session *session)
{
	hone_timer_cancel(loop_of(session), &session->timer);
	hone_job_cancel(&session->check_job);
	hone_job_cancel(&session->gate_job);
	session->awaits_analysis = false;
	hone_worker_forget(session->daemon->worker, session);
	hone_generation_free(&session->candidate);
	session->retry_ms = HONE_RETRY_MIN_MS;
}

static bool is_worker_trouble(enum hone_reason reason)
{
	return reason == HONE_NO_WORKER || reason == HONE_NO_WORKER_DIED;
}

static void taken_answer(void *arg, struct hone_result *result)
{
	struct hone_session *session = arg;

	hone_result_free(&session->answer);
	session->answer = *result;
	*result = (struct hone_result){0};
	hone_session_event(session, HONE_EVENT_ANSWERED);
}

/* ---- refusing ---- */

/* Level 0 has nothing to lose: it goes on observing, with the reason shown. */
static enum hone_state refused_state(const struct hone_session *session)
{
	return session->level == 0 ? HONE_STATE_OBSERVING : HONE_STATE_REFUSED;
}

enum hone_state hone_step_withdraw(struct hone_session *session, enum hone_state state)
{
	hone_image_withdraw(session); /* logs; the guard or the empty slot holds in any case */
	return state;
}

/* The unit could have a better image without a program whose end nobody tells, or with one whose
 * capture is on its way. */
static void look_again(struct hone_session *session, const struct hone_facts *facts)
{
	if (!hone_facts_have_unknown(facts) && session->reason != HONE_NO_TAIL_TARGET) {
		session->look_again_ms = HONE_LOOK_AGAIN_MIN_MS;
		return;
	}
	if (!session->timer.is_set)
		hone_step_try_again(session, session->look_again_ms);
	session->look_again_ms *= 2;
	if (session->look_again_ms > LOOK_AGAIN_MAX_MS)
		session->look_again_ms = LOOK_AGAIN_MAX_MS;
}

/* honec's end says nothing about the unit: an image that is there may become valid again. */
static enum hone_state wait_for_worker(struct hone_session *session)
{
	session->n_deaths++;
	session->must_compile = true;
	if (session->n_deaths > WORKER_DEATHS_MAX)
		return hone_step_withdraw(session, refused_state(session));
	hone_step_try_again(session, (uint64_t)WORKER_RETRY_MS * session->n_deaths);
	return session->live.exists ? HONE_STATE_GENERIC : refused_state(session);
}

/* session->reason and detail say why. A later change of the facts is a new chance. */
enum hone_state hone_step_refuse(struct hone_session *session)
{
	hone_log_info("%s: %s: %s (%s)", session->target.name, session->unit.name,
		      hone_reason_text(session->reason), session->detail);
	hone_facts_free(&session->refused);
	session->refused = session->candidate.facts;
	session->candidate.facts = (struct hone_facts){0};
	hone_step_cancel(session);
	if (is_worker_trouble(session->reason))
		return wait_for_worker(session);
	if (session->reason == HONE_GATE_NOT_FASTER) {
		session->n_not_faster++;
		session->must_compile = true;
		hone_step_try_again(session, NOT_FASTER_RETRY_MS);
	}
	look_again(session, &session->refused);
	return hone_step_withdraw(session, refused_state(session));
}

/* ---- facts → honec ---- */

static struct hone_policy policy_for(const struct hone_session *session)
{
	const struct hone_settings *settings = &session->daemon->settings;

	return (struct hone_policy){
		/* level 3 is level 2 so far; level 0 reports what level 2 would do */
		.level = session->level == 1 ? 1 : 2,
		.max_table_bytes = settings->max_table_bytes,
		.max_entries = settings->max_entries,
		.max_insns = settings->max_insns,
		.count_packets = settings->count_packets,
		.n_never_fold = settings->n_never_fold,
		.never_fold = settings->never_fold,
	};
}

/* Takes over the facts. What was asked before is of no interest any more: an answer to it would be
 * taken for one about these facts. Neither is a timer: the answer is what goes on from here. */
static enum hone_state ask_for_image(struct hone_session *session, struct hone_facts *facts)
{
	struct hone_request request = {
		.kind = HONE_REQUEST_COMPILE,
		.unit = session->unit,
		.policy = policy_for(session),
	};
	int err;

	hone_worker_forget(session->daemon->worker, session);
	hone_timer_cancel(loop_of(session), &session->timer);
	hone_generation_free(&session->candidate);
	session->candidate.facts = *facts;
	session->candidate.level = session->level;
	*facts = (struct hone_facts){0};
	request.unit.maps = session->candidate.facts.maps;
	err = hone_worker_ask(session->daemon->worker, &request, taken_answer, session);
	if (err) {
		hone_step_reason(session, HONE_NO_WORKER, strerror(-err));
		return hone_step_refuse(session);
	}
	session->must_compile = false;
	session->compiled_ms = hone_now_ms();
	session->n_compiles++;
	return session->level == 0 ? HONE_STATE_OBSERVING : HONE_STATE_COMPILING;
}

/* Milliseconds until the next compile is allowed. */
static uint64_t compile_wait_ms(const struct hone_session *session)
{
	unsigned int doublings =
		session->n_not_faster < NOT_FASTER_MAX ? session->n_not_faster : NOT_FASTER_MAX;
	uint64_t gap_ms = (uint64_t)session->daemon->settings.compile_gap_ms << doublings;
	uint64_t next_ms = session->compiled_ms + gap_ms;
	uint64_t now_ms = hone_now_ms();

	return session->compiled_ms == 0 || next_ms <= now_ms ? 0 : next_ms - now_ms;
}

/* Without the maps that never rest. No image relies on the slot any more when it is emptied. */
static enum hone_state start_without_busy(struct hone_session *session)
{
	hone_step_cancel(session);
	hone_image_withdraw(session);
	hone_facts_unwatch(session);
	session->must_compile = true;
	hone_step_try_again(session, 0);
	return HONE_STATE_COMPILING;
}

enum hone_state hone_step_not_quiet(struct hone_session *session)
{
	if (hone_busy_find(session))
		return start_without_busy(session);
	hone_step_try_again(session, session->daemon->settings.quiet_ms);
	return session->state;
}

static enum hone_state not_yet(struct hone_session *session)
{
	if (session->level > 0 && hone_busy_find(session))
		return start_without_busy(session);
	hone_step_try_again(session, session->retry_ms);
	session->retry_ms *= 2;
	if (session->retry_ms > RETRY_MAX_MS)
		session->retry_ms = RETRY_MAX_MS;
	return session->state;
}

static enum hone_state now_live(struct hone_session *session)
{
	session->retry_ms = HONE_RETRY_MIN_MS;
	session->n_deaths = 0;
	session->n_not_faster = 0;
	hone_step_reason(session, HONE_REWRITTEN, "");
	/* Written meanwhile: the guard knows; the event may have come while we were busy. */
	if (hone_watch_begin(session->daemon->watch, session->slot) != session->live_epoch) {
		hone_step_try_again(session, session->daemon->settings.quiet_ms);
		return HONE_STATE_GENERIC;
	}
	look_again(session, &session->live.facts);
	hone_busy_live(session);
	return HONE_STATE_LIVE;
}

static enum hone_state use_facts(struct hone_session *session, struct hone_facts *facts)
{
	uint64_t wait_ms;

	if (session->live.exists && session->live.level == session->level &&
	    !session->must_compile && hone_facts_hold(&session->live, facts)) {
		if (hone_image_republish(session, facts))
			return hone_step_refuse(session);
		return now_live(session);
	}
	if (session->state == HONE_STATE_REFUSED && !session->must_compile &&
	    !is_worker_trouble(session->reason) && hone_facts_equal(&session->refused, facts)) {
		look_again(session, facts);
		return session->state;
	}

	wait_ms = compile_wait_ms(session);
	if (wait_ms > 0) {
		hone_step_try_again(session, wait_ms);
		return session->state;
	}
	return ask_for_image(session, facts);
}

/* Read the world, and do what it asks for: trust the image again, or have a new one made. */
enum hone_state hone_step_work(struct hone_session *session)
{
	struct hone_facts facts;
	enum hone_state state;
	int err = hone_facts_gather(session, &facts);

	session->awaits_analysis = err == -EINPROGRESS;
	if (err == -EAGAIN)
		return not_yet(session);
	if (err == -EINPROGRESS)
		return session->state;
	if (err)
		return hone_step_refuse(session);
	session->retry_ms = HONE_RETRY_MIN_MS;
	state = use_facts(session, &facts);
	hone_facts_free(&facts);
	return state;
}

/* Somebody's analysis is there; was it us who waited for it? */
enum hone_state hone_step_analysed(struct hone_session *session)
{
	return session->awaits_analysis ? hone_step_work(session) : session->state;
}

/* ---- honec → image ---- */

static void keep_report(struct hone_session *session)
{
	json_decref(session->explained);
	session->explained = hone_result_explain(&session->answer, &session->unit,
						 session->candidate.level == 0);
}

static bool is_anything_folded(const struct hone_result *result)
{
	for (uint32_t i = 0; i < result->n_sites; i++)
		if (result->sites[i].action[0])
			return true;
	return false;
}

enum hone_state hone_step_observed(struct hone_session *session)
{
	keep_report(session);
	hone_step_reason(session, session->answer.refused, session->answer.detail);
	look_again(session, &session->candidate.facts);
	hone_generation_free(&session->candidate);
	hone_facts_unwatch(session);
	if (is_worker_trouble(session->reason) && ++session->n_deaths <= WORKER_DEATHS_MAX) {
		session->must_compile = true;
		hone_step_try_again(session, (uint64_t)WORKER_RETRY_MS * session->n_deaths);
	}
	return HONE_STATE_OBSERVING;
}

/* Sites folded by the same passes, on tables of about the same size. */
static bool has_same_shape(const struct hone_result *a, const struct hone_result *b)
{
	if (a->n_sites != b->n_sites)
		return false;
	for (uint32_t i = 0; i < a->n_sites; i++) {
		uint64_t was = a->sites[i].n_entries, is = b->sites[i].n_entries;

		if (strcmp(a->sites[i].action, b->sites[i].action) != 0 || was > 2 * is ||
		    is > 2 * was)
			return false;
	}
	return true;
}

/* A live image of the same shape was measured lately, and gained well beyond the noise: its
 * figures are the candidate's too. Else one entry more would cost a measurement. */
static bool inherit_gain(struct hone_session *session)
{
	const struct hone_generation *live = &session->live;
	struct hone_generation *candidate = &session->candidate;

	if (!live->exists || live->level != candidate->level || live->gate.pairs == 0 ||
	    live->gate.ratio < 1 + GAIN_NOISES * live->gate.noise ||
	    live->gate.ratio < GAIN_MIN * session->daemon->settings.gate_min_ratio ||
	    hone_now_ms() - live->gated_ms > GAIN_LASTS_MS ||
	    !has_same_shape(&live->result, &candidate->result))
		return false;
	candidate->gate = live->gate;
	candidate->gated_ms = live->gated_ms;
	return true;
}

/* Load, then check and measure side by side: what must be known before packets meet the image. */
static enum hone_state prove(struct hone_session *session)
{
	session->is_checked = false;
	session->is_gated = session->daemon->settings.gate_pairs == 0 || inherit_gain(session);
	if (hone_image_load(session) || hone_image_check(session) ||
	    (!session->is_gated && hone_image_gate(session)))
		return hone_step_refuse(session);
	return HONE_STATE_CHECKING;
}

enum hone_state hone_step_answered(struct hone_session *session)
{
	keep_report(session);
	if (session->answer.refused != HONE_REWRITTEN) {
		hone_step_reason(session, session->answer.refused, session->answer.detail);
		return hone_step_refuse(session);
	}
	if (!is_anything_folded(&session->answer)) {
		hone_step_reason(session, HONE_NO_SITE_FOLDED, "");
		return hone_step_refuse(session);
	}
	session->candidate.result = session->answer;
	session->answer = (struct hone_result){0};
	return prove(session);
}

/* Did the candidate pass both, and are the facts that it was made from still the world's? Then it
 * goes live. */
enum hone_state hone_step_publish(struct hone_session *session)
{
	struct hone_facts facts;
	int err;

	if (!session->is_checked || !session->is_gated)
		return HONE_STATE_CHECKING;
	err = hone_facts_gather(session, &facts);
	session->awaits_analysis = err == -EINPROGRESS;
	if (err == -EAGAIN)
		return not_yet(session);
	if (err == -EINPROGRESS)
		return session->state;
	if (err)
		return hone_step_refuse(session);
	if (!hone_facts_hold(&session->candidate, &facts)) {
		enum hone_state state;

		hone_generation_free(&session->candidate);
		session->state = session->live.exists ? HONE_STATE_GENERIC : HONE_STATE_COMPILING;
		state = use_facts(session, &facts);
		hone_facts_free(&facts);
		return state;
	}
	err = hone_image_publish(session, &facts);
	hone_facts_free(&facts);
	return err ? hone_step_refuse(session) : now_live(session);
}

/* The maps are no longer what the candidate was made from: what was found proves nothing. */
static bool has_moved(const struct hone_session *session)
{
	return hone_watch_begin(session->daemon->watch, session->slot) !=
	       session->candidate.facts.epoch;
}

static enum hone_state start_over(struct hone_session *session)
{
	hone_step_cancel(session);
	session->must_compile = true;
	hone_step_try_again(session, session->daemon->settings.quiet_ms);
	return session->live.exists ? HONE_STATE_GENERIC : HONE_STATE_COMPILING;
}

enum hone_state hone_step_checked(struct hone_session *session)
{
	if (session->job_died[0]) {
		hone_step_reason(session, HONE_NO_CHECK, session->job_died);
		return hone_step_refuse(session);
	}
	if (session->checked.refused != HONE_REWRITTEN && has_moved(session))
		return start_over(session);
	if (session->checked.refused != HONE_REWRITTEN) {
		hone_step_reason(session, session->checked.refused, session->checked.detail);
		return hone_step_refuse(session);
	}
	hone_log_info("%s: %s: equal over %u packets", session->target.name, session->unit.name,
		      session->checked.n_packets);
	session->is_checked = true;
	return hone_step_publish(session);
}

enum hone_state hone_step_gated(struct hone_session *session)
{
	if (session->job_died[0]) {
		hone_step_reason(session, HONE_NO_CHECK, session->job_died);
		return hone_step_refuse(session);
	}
	if (session->gated.refused == HONE_NO_CHECK && has_moved(session))
		return start_over(session);
	session->candidate.gate = session->gated;
	session->candidate.gated_ms = hone_now_ms();
	if (session->gated.refused != HONE_REWRITTEN) {
		hone_step_reason(session, session->gated.refused, session->gated.detail);
		return hone_step_refuse(session);
	}
	session->is_gated = true;
	return hone_step_publish(session);
}

enum hone_state hone_step_publish_analysed(struct hone_session *session)
{
	return session->awaits_analysis ? hone_step_publish(session) : session->state;
}
