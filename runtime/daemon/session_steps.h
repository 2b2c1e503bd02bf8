/* SPDX-License-Identifier: Apache-2.0 */
/* session_steps: what session.c's table calls, each on one event; see there for the rule. */
#ifndef HONE_SESSION_STEPS_H
#define HONE_SESSION_STEPS_H

#include "runtime/daemon/session.h"

enum { HONE_RETRY_MIN_MS = 5, HONE_LOOK_AGAIN_MIN_MS = 1000 }; /* first back-offs */

/* Read the world; then trust the live image again, ask honec for another, or wait. */
enum hone_state hone_step_work(struct hone_session *session);
/* An analysis is there: go on where facts waited for it, in the checking state and in others. */
enum hone_state hone_step_analysed(struct hone_session *session);
enum hone_state hone_step_publish_analysed(struct hone_session *session);
/* honec answered: at level 0 that is all; else load the image and start the check. */
enum hone_state hone_step_observed(struct hone_session *session);
enum hone_state hone_step_answered(struct hone_session *session);
/* Check and measurement ended, for better or worse. */
enum hone_state hone_step_checked(struct hone_session *session);
enum hone_state hone_step_gated(struct hone_session *session);
/* The candidate passed check and gate, and the facts behind it are still the world's: it goes live.
 * Otherwise it waits, or another is made. */
enum hone_state hone_step_publish(struct hone_session *session);

/* A watched map was written while an image waits for quiet. */
enum hone_state hone_step_not_quiet(struct hone_session *session);

/* Refuse for session->reason and detail: the original, until facts change. */
enum hone_state hone_step_refuse(struct hone_session *session);
/* No image any more. */
enum hone_state hone_step_withdraw(struct hone_session *session, enum hone_state state);
/* Whatever is under way is no longer of interest. */
void hone_step_cancel(struct hone_session *session);
void hone_step_reason(struct hone_session *session, enum hone_reason reason, const char *detail);
/* HONE_EVENT_TIMER in so many milliseconds. */
void hone_step_try_again(struct hone_session *session, uint64_t delay_ms);

#endif
