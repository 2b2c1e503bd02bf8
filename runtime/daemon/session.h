/* SPDX-License-Identifier: Apache-2.0 */
/* session: one unit under the daemon, from attach to detach. */
#ifndef HONE_SESSION_H
#define HONE_SESSION_H

#include <linux/types.h>

#include "compiler/facts.h"
#include "runtime/daemon/child.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/programs.h"
#include "runtime/deploy/check.h"
#include "runtime/deploy/gate.h"
#include "runtime/deploy/swap.h"
#include "runtime/live/chain.h"

enum hone_state {
#define STATE(id, name) HONE_STATE_##id,
#include "runtime/daemon/states.def"
#undef STATE
	HONE_STATE_N,
};

enum hone_event {
#define EVENT(id, name) HONE_EVENT_##id,
#include "runtime/daemon/states.def"
#undef EVENT
	HONE_EVENT_N,
};

/* Facts of one moment: the unit's maps, described, classed and (as far as watched) copied.
 * Nothing that is watched changed between the reading and `epoch`. */
struct hone_facts {
	uint32_t n_maps;
	struct hone_map *maps;
	uint64_t epoch;
};

/* An image, from honec's answer on. */
struct hone_generation {
	bool exists;
	unsigned int level;
	struct hone_facts facts; /* what it was compiled from */
	struct hone_result result;
	int image_fd, table_fd; /* -1 once the deployment owns them */
	uint32_t prog_id, n_insns;
	uint8_t tag[BPF_TAG_SIZE];
	struct hone_gate_result gate; /* pairs 0: not measured by this daemon */
	uint64_t gated_ms;	      /* when it was measured */
};

struct hone_session {
	struct hone_daemon *daemon;
	struct hone_session *next;
	struct hone_target target;
	struct hone_unit unit; /* maps: described, without snapshot */
	struct hone_maps maps; /* PROG_ARRAYs are open during events only */
	/* PROG_ARRAYs behind the unit's tail calls, by id, as they were watched last */
	uint32_t n_arrays, arrays[HONE_MAPS_MAX];
	struct hone_deployment deploy; /* dir[0] == 0: nothing is pinned */
	uint32_t slot;

	enum hone_state state;
	uint64_t since_ms; /* in this state */
	unsigned int level;
	bool is_paused;
	enum hone_reason reason; /* of the last refusal; HONE_REWRITTEN: none */
	char detail[HONE_DETAIL_LEN];

	struct hone_generation live; /* what is in the slot */
	struct hone_generation candidate;
	struct hone_facts refused; /* facts of the last refusal: no second try on equal ones */
	json_t *explained;	   /* report of the last answer of honec */

	uint64_t unknown_since_ms; /* a program that cannot be analysed shares maps; 0: none */
	uint64_t look_again_ms;	   /* wait before looking whether it is still there */
	/* session_busy.c */
	uint64_t busy_maps; /* left alone: bit n is map n */
	uint64_t busy_for_ms, busy_until_ms, restless_since_ms, sampled_ms;
	struct hone_facts sample;
	bool awaits_analysis;	   /* HONE_EVENT_ANALYSED is for us */
	bool must_compile;	   /* the level or the policy changed: facts alone do not decide */
	uint64_t compiled_ms;	   /* when the last compile was asked for; 0: never */
	uint64_t retry_ms;	   /* back-off */
	unsigned int n_deaths;	   /* of honec, in a row, on this unit */
	unsigned int n_not_faster; /* images in a row that the gate refused */
	uint64_t live_epoch;	   /* `expected` of the live image */
	uint32_t generation, n_swaps, n_compiles, n_republished;

	struct hone_timer timer;
	/* Both run at a time, on copies of the maps; NULL: not running. */
	struct hone_job *check_job, *gate_job;
	bool is_checked, is_gated; /* the candidate passed */
	/* What came with the last event. */
	struct hone_result answer;
	struct hone_check_result checked;
	struct hone_gate_result gated;
	char job_died[HONE_HOW_LEN]; /* "": it did not */
	enum hone_end { HONE_END_DETACH, HONE_END_LOST, HONE_END_STOP } end;
};

const char *hone_state_name(enum hone_state state);
const char *hone_event_name(enum hone_event event);

/* ---- session.c ---- */

/* hone_session_new() - a unit that was resolved and captured. Nothing happens before an event.
 * unit, maps: taken over on success. */
int hone_session_new(struct hone_daemon *daemon, const struct hone_target *target,
		     struct hone_unit *unit, struct hone_maps *maps, uint32_t slot,
		     struct hone_session **out);
/* Descriptors and memory; what is pinned and attached stays. */
void hone_session_free(struct hone_session **session);

/* hone_session_event() - the row of the table runs. May free the session (HONE_STATE_GONE):
 * returns false then. */
bool hone_session_event(struct hone_session *session, enum hone_event event);

/* Is there a row? Every state has one for every event (a test asks). */
bool hone_session_has_row(enum hone_state state, enum hone_event event);

/* ---- session_facts.c ---- */

/* hone_facts_gather() - watch, walk the sharers, read the maps.
 * Returns 0, -EAGAIN (a write was in flight: later), -EINPROGRESS (an analysis was asked for:
 * HONE_EVENT_ANALYSED follows), or -errno with session->reason and detail set. */
int hone_facts_gather(struct hone_session *session, struct hone_facts *out);
/* hone_facts_unwatch() - no guard follows the unit's maps any more. No image relies on the slot. */
void hone_facts_unwatch(struct hone_session *session);
/* hone_facts_snapshot() - the same, and the contents of all other maps that can be read, which may
 * change meanwhile: programs write them, or nobody looks them up. At level 0 nothing is watched
 * afterwards. */
int hone_facts_snapshot(struct hone_session *session, struct hone_facts *out);
void hone_facts_free(struct hone_facts *facts);
/* Everything the same, so that a compile would give the same. */
bool hone_facts_equal(const struct hone_facts *a, const struct hone_facts *b);
/* Some program that holds one of the maps cannot be analysed. Its end is no event. */
bool hone_facts_have_unknown(const struct hone_facts *facts);
/* All that the image took for granted is still so. */
bool hone_facts_hold(const struct hone_generation *image, const struct hone_facts *now);

/* ---- session_chain.c ---- */

/* hone_chain_watch() - before the epoch is read: writes to the PROG_ARRAYs that the unit's tail
 * calls can meet raise it.
 * hone_chain_decide() - after: refuses what could run out of tail calls under a root, or cannot be
 * followed.
 * Return 0, -EINPROGRESS (an analysis was asked for), -EAGAIN (the chain changes), or -errno with
 * session->reason and detail set. */
int hone_chain_watch(struct hone_session *session);
int hone_chain_decide(struct hone_session *session);

/* hone_session_chain() - the chain now (live/chain.h). may_ask: false in a child, for which a
 * program without analysis counts as not captured. */
int hone_session_chain(const struct hone_session *session, bool may_ask, struct hone_chain *out);

/* ---- session_busy.c ---- */

/* hone_busy_find() - a write was in the way once more. True: maps were found that never rest, and
 * are left alone from now on: start anew without them.
 * hone_busy_rest() - the unit starts anew.
 * hone_busy_live() - the unit is live.
 * hone_busy_is_over() - true: begin anew, with them. */
bool hone_busy_find(struct hone_session *session);
void hone_busy_rest(struct hone_session *session);
void hone_busy_live(struct hone_session *session);
bool hone_busy_is_over(const struct hone_session *session);

/* ---- session_image.c: each step logs; on failure reason and detail are set ---- */

/* hone_image_load() - the candidate's table and program into the kernel; pins the deployment's
 * first objects if there are none. */
int hone_image_load(struct hone_session *session);
/* hone_image_check(), hone_image_gate() - start the job; HONE_EVENT_CHECKED, _GATED follow. */
int hone_image_check(struct hone_session *session);
int hone_image_gate(struct hone_session *session);
/* hone_image_publish() - the candidate becomes what packets meet, valid for `now`. */
int hone_image_publish(struct hone_session *session, const struct hone_facts *now);
/* hone_image_republish() - the live image is valid again, for `now`. */
int hone_image_republish(struct hone_session *session, const struct hone_facts *now);
/* hone_image_withdraw() - packets meet the original alone. */
int hone_image_withdraw(struct hone_session *session);
/* hone_image_remove() - the same, and no pin is left. */
int hone_image_remove(struct hone_session *session);
void hone_generation_free(struct hone_generation *generation);

/* ---- session_report.c ---- */

json_t *hone_session_status(const struct hone_session *session);
/* Sites, passes and times of honec's answer. Level 0: what level 2 would do. */
json_t *hone_result_explain(const struct hone_result *result, const struct hone_unit *unit,
			    bool is_would_be);

/* ---- adopt.c ---- */

/* hone_adopt_all() - sessions from the store, the pins and the kept facts. */
void hone_adopt_all(struct hone_daemon *daemon);

#endif
