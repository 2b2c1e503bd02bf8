// SPDX-License-Identifier: Apache-2.0
/* check: run two programs on the same packets, each on its own copy of all maps.
 *
 * When:  before an image may meet packets, and by `hone diff`.
 * Does:  outcomes are compared per packet, maps and rings after each batch. What differs is
 *        judged (judge.c): against a control, since an original that does not agree with itself
 *        cannot be judged by.
 * Not:   deciding what happens then. */
#include "runtime/deploy/check_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/targets.h"

enum {
	BROKEN_SHARE = 16, /* one packet in so many is run with the guard broken */
	DEFAULT_BATCH = 1000,
	LOG_BYTES_MAX = 8 << 20,
};

static void refuse(struct hone_check *check, enum hone_reason reason)
{
	check->result.refused = reason;
}

/* ---- the run ---- */

static void count_verdict(struct hone_check *check)
{
	uint32_t verdict = check->a.outcome.verdict, i = 0;

	if (check->a.outcome.err) {
		check->result.n_refused++;
		return;
	}
	while (i + 1 < HONE_CHECK_VERDICTS && check->result.verdicts[i].n_packets > 0 &&
	       check->result.verdicts[i].verdict != verdict)
		i++;
	check->result.verdicts[i].verdict = verdict;
	check->result.verdicts[i].n_packets++;
	check->result.n_packets++;
}

/* Packets that reach a new block are worth varying. */
static int run_cover(struct hone_check *check)
{
	uint32_t n_reached = 0;
	int err;

	if (!check->reached)
		return 0;
	err = hone_side_run(&check->cover, &check->packet);
	for (uint32_t i = 0; i < check->result.n_blocks; i++)
		n_reached += check->reached[i] != 0;
	if (err || n_reached == check->result.n_reached)
		return err;
	check->result.n_reached = n_reached;
	return hone_packets_keep(check->packets, &check->packet);
}

int hone_check_run_b(struct hone_check *check, const struct hone_packet *packet)
{
	int64_t *map = &check->b.outcome.redirect.map;
	int err = hone_side_run(&check->b, packet);

	if (err || check->is_image || !check->b.note || *map < 0)
		return err;
	for (uint32_t i = 0; i < check->unit->n_maps; i++)
		if (check->map_of_b[i] == *map) {
			*map = i;
			return 0;
		}
	*map += HONE_MAPS_MAX; /* none of A's */
	return 0;
}

/* The next packet is in check->packet. */
static int run_one(struct hone_check *check)
{
	int err = hone_packet_log_add(&check->log, &check->packet);

	if (!err)
		err = hone_side_run(&check->a, &check->packet);
	if (!err)
		err = hone_check_run_b(check, &check->packet);
	if (!err)
		err = run_cover(check);
	if (err)
		return err;
	count_verdict(check);
	if (hone_outcome_is_same(&check->a.outcome, &check->b.outcome))
		return 0;
	return hone_judge_packet(check);
}

static bool are_events_same(const struct hone_check *check)
{
	for (uint32_t i = 0; i < check->unit->n_maps; i++)
		if (check->map_of_b[i] >= 0 &&
		    !hone_events_are_same(check->a.events, i, check->b.events,
					  (uint32_t)check->map_of_b[i]))
			return false;
	return true;
}

static int forget_events(struct hone_check *check)
{
	int err = hone_events_forget(check->a.events);

	if (!err)
		err = hone_events_forget(check->b.events);
	return err ? err : hone_events_forget(check->cover.events);
}

static int end_batch(struct hone_check *check, bool all_cpus)
{
	char *detail = check->result.detail;
	int equal, err = hone_events_drain(check->a.events);

	if (!err)
		err = hone_events_drain(check->b.events);
	if (err)
		return err;
	if (all_cpus)
		equal = hone_maps_equal(check->unit, &check->a.maps, &check->seen_b, detail);
	else
		equal = hone_compare_equal(check->compare_ab, detail);
	if (equal < 0)
		return equal;
	if (!equal || !are_events_same(check))
		err = hone_judge_maps(check);
	if (err || check->result.refused)
		return err;
	if (check->log.n_bytes > LOG_BYTES_MAX)
		return hone_judge_begin(check);
	return forget_events(check);
}

static void next_packet(struct hone_check *check, uint32_t i)
{
	const struct hone_packet_log *given = check->opts->packets;

	if (given && i < given->n)
		hone_packet_log_get(given, i, &check->packet);
	else
		hone_packets_next(check->packets, &check->packet);
}

/* Packets number from..to. */
static int run_batches(struct hone_check *check, uint32_t from, uint32_t to)
{
	uint32_t batch = check->opts->batch ? check->opts->batch : DEFAULT_BATCH;
	int err = 0;

	for (uint32_t i = from; !err && !check->result.refused && i < to; i++) {
		next_packet(check, i);
		err = run_one(check);
		if (!err && !check->result.refused && (i + 1) % batch == 0)
			err = end_batch(check, false);
	}
	if (!err && !check->result.refused)
		err = end_batch(check, true);
	return err;
}

/* How many packets has the image passed on to the original since `before`? */
static int expect_fallbacks(struct hone_check *check, uint64_t expected)
{
	uint64_t n;
	int err = hone_sandbox_count(&check->b.sandbox, HONE_COUNT_FALLBACK, &n);

	if (err || check->result.refused || n == expected)
		return err;
	refuse(check, HONE_CHECK_MISMATCH);
	snprintf(check->result.detail, HONE_DETAIL_LEN,
		 "guard: %llu packets were passed on to the original, not %llu",
		 (unsigned long long)n, (unsigned long long)expected);
	return 0;
}

static int run_all(struct hone_check *check)
{
	uint32_t n_given = check->opts->packets ? check->opts->packets->n : 0;
	uint32_t n_packets = n_given + check->opts->n_packets;
	uint32_t n_broken = check->is_image ? check->opts->n_packets / BROKEN_SHARE : 0;
	uint64_t n_runs;
	int err = run_batches(check, 0, n_packets - n_broken);

	if (err || check->result.refused || !check->is_image)
		return err;
	err = expect_fallbacks(check, 0);
	if (err || check->result.refused)
		return err;
	err = hone_sandbox_break_guard(&check->b.sandbox);
	n_runs = check->b.n_runs;
	if (!err)
		err = run_batches(check, n_packets - n_broken, n_packets);
	return err ? err : expect_fallbacks(check, check->b.n_runs - n_runs);
}

/* ---- set-up ---- */

int hone_check_open_side(const struct hone_check *check, const struct hone_image *image,
			 struct hone_side *side, char *detail)
{
	return hone_side_open(side,
			      &(struct hone_side_from){
				      .unit = check->unit,
				      .image = image,
				      .maps = &check->start,
				      .chain = check->opts->chain,
				      .chain_maps = check->maps,
				      .spies = check->spies,
			      },
			      detail);
}

static int open_b(struct hone_check *check)
{
	const struct hone_check_other *other = &check->other;

	if (!other->maps)
		return hone_check_open_side(check, other->image, &check->b, check->result.detail);
	return hone_side_open(&check->b,
			      &(struct hone_side_from){
				      .unit = other->unit,
				      .maps = &check->start_b,
				      .chain_maps = other->maps,
				      .spies = check->spies,
			      },
			      check->result.detail);
}

/* The table of a side that marks blocks is theirs. */
static int open_cover(struct hone_check *check)
{
	const struct hone_result *cover = check->opts->cover;
	void *table;
	int err;

	if (!cover)
		return 0;
	err = hone_check_open_side(check, &cover->image, &check->cover, check->result.detail);
	if (err)
		return hone_log_err(err, "%s: blocks cannot be counted: %s", check->unit->name,
				    check->result.detail);
	if (check->cover.fd < 0) {
		hone_log_warn("%s: blocks are not counted: the verifier refuses marks in it: %s",
			      check->unit->name, check->result.detail);
		return 0;
	}
	table = mmap(NULL, cover->image.table_bytes, PROT_READ, MAP_SHARED,
		     check->cover.sandbox.table_fd, 0);
	if (table == MAP_FAILED)
		return hone_log_err(-errno, "%s: table of blocks", check->unit->name);
	check->reached = (uint8_t *)table + cover->cover_offset;
	check->result.n_blocks = cover->n_blocks;
	return 0;
}

static bool is_written_by_loaders(const struct hone_map *map)
{
	return !map->is_frozen && !strchr(map->name, '.');
}

/* B's maps begin with what A's hold, but for the globals, which the program itself came with. */
static int start_b_like_a(struct hone_check *check)
{
	const struct hone_unit *unit = check->unit;
	int err = 0;

	for (uint32_t i = 0; !err && i < unit->n_maps; i++)
		if (check->map_of_b[i] >= 0 && is_written_by_loaders(&unit->maps[i]))
			err = hone_map_copy(&unit->maps[i], check->start.fd[i],
					    check->start_b.fd[check->map_of_b[i]]);
	return err;
}

static int clone_start(struct hone_check *check)
{
	char *detail = check->result.detail;
	int err = hone_maps_clone(check->unit, check->maps, &check->start, detail);

	if (err || !check->other.maps)
		return err;
	err = hone_maps_clone(check->other.unit, check->other.maps, &check->start_b, detail);
	return err ? err : start_b_like_a(check);
}

static void see_maps_of_b(struct hone_check *check)
{
	check->seen_b.n = check->unit->n_maps;
	for (uint32_t i = 0; i < check->unit->n_maps; i++) {
		int map = check->map_of_b[i];

		check->seen_b.fd[i] = map < 0 ? -1 : check->b.maps.fd[map];
	}
}

/* Every side's maps are copies of `start`, so that they are equal whatever happens to the
 * unit's. */
static int open_sides(struct hone_check *check)
{
	int err = clone_start(check);

	check->spies = hone_spy_is_needed(check->unit) || hone_spy_is_needed(check->other.unit) ||
		       hone_targets_redirect(check->opts->chain);
	if (!err)
		err = hone_check_open_side(check, NULL, &check->a, check->result.detail);
	if (!err)
		err = open_b(check);
	if (!err && check->b.fd < 0)
		refuse(check, HONE_CHECK_VERIFIER);
	if (err || check->result.refused)
		return err;
	see_maps_of_b(check);
	err = hone_compare_new(check->unit, &check->a.maps, &check->seen_b, &check->compare_ab);
	return err ? err : open_cover(check);
}

static int make_sets(struct hone_check *check)
{
	struct hone_differences *const sets[] = {&check->observed, &check->found, &check->trial,
						 &check->varies, &check->excluded};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(sets) / sizeof(sets[0]); i++)
		err = hone_differences_new(check->unit, sets[i]);
	return err;
}

static int make_packets(struct hone_check *check)
{
	int err = hone_packets_new(check->unit, &check->start, check->opts->seed, &check->packets);

	if (!err && check->other.unit != check->unit)
		err = hone_packets_learn(check->packets, check->other.unit);
	return err;
}

static int check_on_one_cpu(struct hone_check *check)
{
	int err = open_sides(check);

	if (err == -ENOTSUP) {
		refuse(check, HONE_CHECK_NOT_CLONED);
		return 0;
	}
	if (err)
		return hone_log_err(err, "%s: differential run: %s", check->unit->name,
				    check->result.detail);
	if (check->result.refused)
		return 0;
	err = make_sets(check);
	if (!err)
		err = make_packets(check);
	if (!err)
		err = run_all(check);
	if (!err && check->result.refused == HONE_CHECK_MISMATCH && check->opts->minimal)
		err = hone_shrink(check, check->opts->minimal);
	return err;
}

static void hand_over(struct hone_check *check, struct hone_check_result *out)
{
	for (uint32_t i = 0; check->opts->reached && i < check->result.n_blocks; i++)
		check->opts->reached[i] |= check->reached[i] != 0;
	if (check->excluded.words)
		hone_differences_text(&check->excluded, check->result.excluded, HONE_DETAIL_LEN);
	*out = check->result;
	if (!out->refused)
		out->detail[0] = '\0';
}

static void check_free(struct hone_check *check)
{
	if (check->reached)
		munmap(check->reached - check->opts->cover->cover_offset,
		       check->opts->cover->image.table_bytes);
	hone_packets_free(&check->packets);
	hone_compare_free(&check->compare_ab);
	hone_side_close(&check->a);
	hone_side_close(&check->b);
	hone_side_close(&check->control);
	hone_side_close(&check->cover);
	hone_maps_close(&check->start);
	hone_maps_close(&check->start_b);
	hone_packet_log_free(&check->log);
	hone_differences_free(&check->observed);
	hone_differences_free(&check->found);
	hone_differences_free(&check->trial);
	hone_differences_free(&check->varies);
	hone_differences_free(&check->excluded);
	free(check);
}

static int run_check(const struct hone_unit *unit, const struct hone_maps *maps,
		     const struct hone_check_other *other, const struct hone_check_opts *opts,
		     struct hone_check_result *out)
{
	struct hone_check *check;
	cpu_set_t was;
	int err;

	if (!hone_outcome_is_possible(unit->prog_type)) {
		*out = (struct hone_check_result){.refused = HONE_NO_TEST_RUN};
		snprintf(out->detail, HONE_DETAIL_LEN, "program type %u", unit->prog_type);
		return 0;
	}
	check = calloc(1, sizeof(*check));
	if (!check)
		return -ENOMEM;
	check->unit = unit;
	check->maps = maps;
	check->other = *other;
	check->opts = opts;
	check->is_image = other->image;
	for (uint32_t i = 0; i < unit->n_maps; i++)
		check->map_of_b[i] =
			other->maps ? hone_check_pair_map(&unit->maps[i], other->unit) : (int)i;
	err = hone_cpu_pin(&was);
	if (!err) {
		err = check_on_one_cpu(check);
		hone_cpu_unpin(&was);
	}
	if (!err && !check->result.refused && check->result.n_packets == 0 &&
	    check->result.n_refused > 0) {
		refuse(check, HONE_NO_TEST_RUN);
		snprintf(check->result.detail, HONE_DETAIL_LEN,
			 "the kernel runs no packet: program type %u, attach type %u",
			 unit->prog_type, unit->expected_attach_type);
	}
	if (!err)
		hand_over(check, out);
	check_free(check);
	return err;
}

uint32_t hone_check_count(const struct hone_check_result *result, uint32_t verdict)
{
	for (uint32_t i = 0; i < HONE_CHECK_VERDICTS; i++)
		if (result->verdicts[i].n_packets > 0 && result->verdicts[i].verdict == verdict)
			return result->verdicts[i].n_packets;
	return 0;
}

int hone_check_image(const struct hone_unit *unit, const struct hone_maps *maps,
		     const struct hone_image *image, const struct hone_check_opts *opts,
		     struct hone_check_result *out)
{
	const struct hone_chain *chain = opts->chain;
	const struct hone_check_other other = {.unit = chain ? &chain->unit : unit, .image = image};

	return run_check(other.unit, chain ? &chain->maps : maps, &other, opts, out);
}

/* Of a global's map the name in front of the dot is the object's. */
static bool has_same_name(const struct hone_map *a, const struct hone_map *b)
{
	const char *dot_a = strchr(a->name, '.'), *dot_b = strchr(b->name, '.');

	if (dot_a && dot_b)
		return strcmp(dot_a, dot_b) == 0;
	return strcmp(a->name, b->name) == 0;
}

int hone_check_pair_map(const struct hone_map *map, const struct hone_unit *b)
{
	for (uint32_t i = 0; !map->is_frozen && i < b->n_maps; i++)
		if (has_same_name(map, &b->maps[i]) && !b->maps[i].is_frozen &&
		    map->type == b->maps[i].type && map->key_size == b->maps[i].key_size &&
		    map->value_size == b->maps[i].value_size &&
		    map->max_entries == b->maps[i].max_entries)
			return (int)i;
	return -1;
}

int hone_check_units(const struct hone_unit *a, const struct hone_maps *a_maps,
		     const struct hone_unit *b, const struct hone_maps *b_maps,
		     const struct hone_check_opts *opts, struct hone_check_result *out)
{
	if (a->prog_type != b->prog_type)
		return -EINVAL;
	return run_check(a, a_maps, &(struct hone_check_other){.unit = b, .maps = b_maps}, opts,
			 out);
}
