// SPDX-License-Identifier: Apache-2.0
/* judge: is a difference the program's fault, or would the original differ from itself?
 *
 * When:  A and B made different things of a packet, or of the maps.
 * Does:  all packets since the start again, on maps as they were then: A beside a control (A once
 *        more), A beside B, by turns. What differs beside the control varies by itself; what
 *        differs beside B each time, and never beside the control, is a mismatch. A program that
 *        flips a coin survives n rounds with a chance of 4^-n at most.
 * Not:   which of the two is right. */
#include <errno.h>
#include <unistd.h>

#include "runtime/common/log.h"
#include "runtime/deploy/check_internal.h"
#include "runtime/live/content.h"

enum { FEW_ROUNDS = 4 };

static int open_control(struct hone_check *check)
{
	char log[HONE_DETAIL_LEN] = "";
	int err;

	if (check->control.unit)
		return 0;
	err = hone_check_open_side(check, NULL, &check->control, log);
	return err ? hone_log_err(err, "%s: control: %s", check->unit->name, log) : 0;
}

static bool is_b(const struct hone_check *check, const struct hone_side *side)
{
	return side == &check->b;
}

static int reset(struct hone_check *check, struct hone_side *side)
{
	bool has_own = is_b(check, side) && check->start_b.n > 0;
	int err =
		hone_maps_copy(side->unit, has_own ? &check->start_b : &check->start, &side->maps);

	return err ? err : hone_events_forget(side->events);
}

static int run_other(struct hone_check *check, struct hone_side *other,
		     const struct hone_packet *packet)
{
	return is_b(check, other) ? hone_check_run_b(check, packet) : hone_side_run(other, packet);
}

static int replay(struct hone_check *check, struct hone_side *other)
{
	struct hone_packet packet;
	int err = reset(check, &check->a);

	if (!err)
		err = reset(check, other);
	for (uint32_t i = 0; !err && i < check->log.n; i++) {
		hone_packet_log_get(&check->log, i, &packet);
		err = hone_side_run(&check->a, &packet);
		if (!err)
			err = run_other(check, other, &packet);
	}
	return err;
}

static int find_in_events(struct hone_check *check, struct hone_side *other,
			  struct hone_differences *out)
{
	int err = hone_events_drain(check->a.events);

	if (!err)
		err = hone_events_drain(other->events);
	for (uint32_t i = 0; !err && i < check->unit->n_maps; i++) {
		int map = is_b(check, other) ? check->map_of_b[i] : (int)i;

		if (map >= 0 &&
		    !hone_events_are_same(check->a.events, i, other->events, (uint32_t)map))
			hone_differences_add(out, out->map_at[i]);
	}
	return err;
}

/* In what A and the other side differ now. */
static int find(struct hone_check *check, struct hone_side *other, bool in_maps,
		struct hone_differences *out)
{
	int err;

	hone_differences_clear(out);
	if (!in_maps) {
		hone_differences_of_outcomes(out, &check->a.outcome, &other->outcome);
		return 0;
	}
	err = hone_differences_of_maps(out, &check->a.maps,
				       is_b(check, other) ? &check->seen_b : &other->maps);
	if (!err)
		err = find_in_events(check, other, out);
	hone_differences_drop(out, &check->excluded);
	return err;
}

static int try_once(struct hone_check *check, struct hone_side *other, bool in_maps)
{
	int err = replay(check, other);

	return err ? err : find(check, other, in_maps, &check->trial);
}

/* observed: what differed; found: what is left of it when nothing else explains it. */
static int sift(struct hone_check *check, bool in_maps, bool *is_explained)
{
	uint32_t rounds = check->opts->rounds ? check->opts->rounds : FEW_ROUNDS;
	bool is_left = true;
	int err = 0;

	*is_explained = false;
	hone_differences_clear(&check->varies);
	for (uint32_t i = 0; !err && i < rounds && (is_left || !*is_explained); i++) {
		err = try_once(check, &check->control, in_maps);
		if (err)
			return err;
		hone_differences_drop(&check->found, &check->trial);
		hone_differences_join(&check->varies, &check->trial);
		*is_explained |= hone_differences_have_common(&check->varies, &check->observed);
		if (!hone_differences_is_empty(&check->found)) {
			err = try_once(check, &check->b, in_maps);
			hone_differences_keep(&check->found, &check->trial);
		}
		is_left = !hone_differences_is_empty(&check->found);
	}
	return err;
}

/* ---- LRU maps: what they evict is the kernel's business, and depends on their past ---- */

static bool is_lru(const struct hone_map *map)
{
	return map->type == BPF_MAP_TYPE_LRU_HASH || map->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* A CPU's share of the elements is used up: kernel/bpf/bpf_lru_list.c. */
static int may_evict(const struct hone_map *map, int fd)
{
	struct hone_content content = {0};
	int err = hone_content_read(fd, map, &content);
	long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t share = map->max_entries / (uint32_t)(n_cpus > 0 ? n_cpus : 1) / 2;
	int result = err ? err : content.n >= share;

	hone_content_free(&content);
	return result;
}

/* 1: maps that may evict can be the reason for what was found; they are no longer compared. */
static int blame_lru(struct hone_check *check, bool in_maps)
{
	bool is_any = false;

	for (uint32_t i = 0; i < check->unit->n_maps; i++) {
		int result;

		if (!is_lru(&check->unit->maps[i]))
			continue;
		result = may_evict(&check->unit->maps[i], check->a.maps.fd[i]);
		if (result < 0)
			return result;
		if (result == 0)
			continue;
		hone_differences_join_map(&check->excluded, i);
		is_any = true;
	}
	if (!in_maps)
		return is_any;
	hone_differences_drop(&check->found, &check->excluded);
	return hone_differences_is_empty(&check->found);
}

/* ---- what becomes of it ---- */

static int make_equal(struct hone_check *check)
{
	int err = hone_maps_copy(check->unit, &check->a.maps, &check->seen_b);

	if (!err && check->cover.unit)
		err = hone_maps_copy(check->unit, &check->a.maps, &check->cover.maps);
	return err;
}

int hone_judge_begin(struct hone_check *check)
{
	int err = make_equal(check);

	if (!err)
		err = hone_maps_copy(check->unit, &check->a.maps, &check->start);
	if (!err && check->start_b.n > 0)
		err = hone_maps_copy(check->b.unit, &check->b.maps, &check->start_b);
	if (!err)
		err = hone_events_forget(check->a.events);
	if (!err)
		err = hone_events_forget(check->b.events);
	hone_packet_log_clear(&check->log);
	return err;
}

static int mismatch(struct hone_check *check, bool in_maps)
{
	char *detail = check->result.detail;
	int result = 0;

	check->result.refused = HONE_CHECK_MISMATCH;
	if (in_maps)
		result = hone_differences_find(&check->found, &check->a.maps, &check->seen_b,
					       detail);
	else
		hone_outcome_text(&check->packet, &check->a.outcome, &check->b.outcome, detail);
	if (in_maps && result == 0)
		hone_differences_text(&check->found, detail, HONE_DETAIL_LEN);
	return result < 0 ? result : 0;
}

/* Too much of this, and what is left to compare says little. */
static int note_varying(struct hone_check *check, bool is_explained)
{
	struct hone_check_result *result = &check->result;

	result->n_varying++;
	result->n_unexplained += !is_explained;
	if (result->n_varying <= check->opts->max_varying &&
	    (is_explained || check->opts->allows_unexplained))
		return hone_judge_begin(check);
	result->refused = HONE_CHECK_NONDETERMINISTIC;
	hone_differences_text(&check->observed, result->detail, sizeof(result->detail));
	return 0;
}

static int judge(struct hone_check *check, bool in_maps)
{
	int blamed, err = find(check, &check->b, in_maps, &check->observed);
	bool is_explained;

	if (err || hone_differences_is_empty(&check->observed))
		return err;
	hone_differences_clear(&check->found);
	hone_differences_join(&check->found, &check->observed);
	err = open_control(check);
	if (!err)
		err = sift(check, in_maps, &is_explained);
	if (err)
		return err;
	if (in_maps)
		hone_differences_join(&check->excluded, &check->varies);
	if (hone_differences_is_empty(&check->found))
		return note_varying(check, is_explained);
	blamed = blame_lru(check, in_maps);
	if (blamed < 0)
		return blamed;
	return blamed ? note_varying(check, false) : mismatch(check, in_maps);
}

int hone_judge_packet(struct hone_check *check)
{
	return judge(check, false);
}

int hone_judge_maps(struct hone_check *check)
{
	return judge(check, true);
}

/* In the last outcome as well as in maps. */
static int try_both(struct hone_check *check, struct hone_side *other, struct hone_differences *out)
{
	int err = try_once(check, other, true);

	hone_differences_clear(out);
	hone_differences_of_outcomes(out, &check->a.outcome, &other->outcome);
	hone_differences_join(out, &check->trial);
	return err;
}

int hone_judge_differs(struct hone_check *check, bool *out)
{
	int err = open_control(check);

	if (!err)
		err = try_both(check, &check->b, &check->found);
	for (uint32_t i = 0; !err && i < FEW_ROUNDS; i++) {
		if (hone_differences_is_empty(&check->found))
			break;
		err = try_both(check, &check->control, &check->varies);
		hone_differences_drop(&check->found, &check->varies);
		if (!err)
			err = try_both(check, &check->b, &check->varies);
		hone_differences_keep(&check->found, &check->varies);
	}
	*out = !hone_differences_is_empty(&check->found);
	return err;
}
