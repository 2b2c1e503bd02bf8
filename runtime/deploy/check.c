// SPDX-License-Identifier: Apache-2.0
/* check: run an original and its image on the same packets, each on its own copy of all maps.
 *
 * When:  before an image may meet packets, and by `hone diff`.
 * Does:  two runs per packet: original on A, image on B. When they differ, the same packets
 *        again, with a second original in the image's place (the control): an original that
 *        does not agree with itself cannot be judged by.
 * Not:   deciding what happens then.
 * Verdict and bytes are compared per packet, maps after each batch. */
#include "runtime/deploy/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/compare.h"
#include "runtime/deploy/packets.h"
#include "runtime/deploy/side.h"
#include "runtime/deploy/spy.h"
#include "runtime/deploy/targets.h"

enum {
	BROKEN_SHARE = 16,     /* one packet in so many is run with the guard broken */
	CONTROL_PACKETS = 512, /* more in the control, to catch what differs only sometimes */
	DEFAULT_BATCH = 1000,
};

struct check {
	const struct hone_unit *unit;
	const struct hone_maps *maps;	/* its own */
	const struct hone_image *image; /* NULL: a control, B runs the original too */
	const struct hone_check_opts *opts;
	uint32_t n_packets;
	struct hone_maps start; /* what every side's maps began with */
	struct hone_side a, b;
	struct hone_side cover; /* the original, marking blocks; unit NULL: nobody asks */
	uint8_t *reached;	/* with cover: per block; a mapping of its table */
	struct hone_compare *compare_ab;
	struct hone_packets *packets;
	struct hone_packet packet;
	struct hone_check_result result;
};

static void refuse(struct check *check, enum hone_reason reason)
{
	check->result.refused = reason;
}

/* ---- the run ---- */

static void describe_packet(struct check *check)
{
	const struct hone_outcome *a = &check->a.outcome, *b = &check->b.outcome;
	char *detail = check->result.detail;
	int at = snprintf(detail, HONE_DETAIL_LEN,
			  "packet of %u bytes: %u (%u bytes), image %u (%u): ", check->packet.size,
			  a->verdict, a->size, b->verdict, b->size);

	if (memcmp(&a->redirect, &b->redirect, sizeof(a->redirect)))
		at = snprintf(
			detail, HONE_DETAIL_LEN,
			"packet of %u bytes: redirect to %llu of map %lld, image to %llu of %lld: ",
			check->packet.size, (unsigned long long)a->redirect.target,
			(long long)a->redirect.map, (unsigned long long)b->redirect.target,
			(long long)b->redirect.map);
	for (uint32_t i = 0; i < check->packet.size && at + 3 < HONE_DETAIL_LEN; i++)
		at += snprintf(detail + at, 3, "%02x", check->packet.bytes[i]);
}

static void count_verdict(struct check *check)
{
	uint32_t verdict = check->a.outcome.verdict, i = 0;

	while (i + 1 < HONE_CHECK_VERDICTS && check->result.verdicts[i].n_packets > 0 &&
	       check->result.verdicts[i].verdict != verdict)
		i++;
	check->result.verdicts[i].verdict = verdict;
	check->result.verdicts[i].n_packets++;
	check->result.n_packets++;
}

/* Packets that reach a new block are worth varying. */
static int run_cover(struct check *check)
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

static int run_one(struct check *check)
{
	int err;

	hone_packets_next(check->packets, &check->packet);
	err = hone_side_run(&check->a, &check->packet);
	if (!err)
		err = hone_side_run(&check->b, &check->packet);
	if (!err)
		err = run_cover(check);
	if (err)
		return err;
	if (check->a.outcome.err)
		check->result.n_refused++;
	else
		count_verdict(check);
	if (hone_outcome_is_same(&check->a.outcome, &check->b.outcome))
		return 0;
	describe_packet(check);
	refuse(check, HONE_CHECK_MISMATCH);
	return 0;
}

static int compare_maps(struct check *check, bool all_cpus)
{
	int equal;

	if (all_cpus)
		equal = hone_maps_equal(check->unit, &check->a.maps, &check->b.maps,
					check->result.detail);
	else
		equal = hone_compare_equal(check->compare_ab, check->result.detail);
	if (equal < 0)
		return equal;
	if (!equal)
		refuse(check, HONE_CHECK_MISMATCH);
	return 0;
}

static int run_batches(struct check *check, uint32_t n_packets)
{
	uint32_t batch = check->opts->batch ? check->opts->batch : DEFAULT_BATCH;
	int err = 0;

	for (uint32_t i = 0; !err && !check->result.refused && i < n_packets; i++) {
		err = run_one(check);
		if (!err && !check->result.refused && (i + 1) % batch == 0)
			err = compare_maps(check, false);
	}
	if (!err && !check->result.refused)
		err = compare_maps(check, true);
	return err;
}

/* How many packets has the image passed on to the original since `before`? */
static int expect_fallbacks(struct check *check, uint64_t expected)
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

static int run_all(struct check *check)
{
	bool is_guarded = check->image;
	uint32_t n_broken = is_guarded ? check->n_packets / BROKEN_SHARE : 0;
	uint64_t n_runs;
	int err = run_batches(check, check->n_packets - n_broken);

	if (err || check->result.refused || !is_guarded)
		return err;
	err = expect_fallbacks(check, 0);
	if (err || check->result.refused)
		return err;
	err = hone_sandbox_break_guard(&check->b.sandbox);
	n_runs = check->b.n_runs;
	if (!err)
		err = run_batches(check, n_broken);
	return err ? err : expect_fallbacks(check, check->b.n_runs - n_runs);
}

/* ---- set-up ---- */

static int open_side(const struct check *check, const struct hone_image *image,
		     struct hone_side *side, char *detail)
{
	const struct hone_chain *chain = check->opts->chain;

	return hone_side_open(
		side,
		&(struct hone_side_from){
			.unit = check->unit,
			.image = image,
			.maps = &check->start,
			.chain = chain,
			.chain_maps = check->maps,
			.spies = hone_spy_is_needed(check->unit) || hone_targets_redirect(chain),
		},
		detail);
}

/* The table of a side that marks blocks is theirs. */
static int open_cover(struct check *check)
{
	const struct hone_result *cover = check->opts->cover;
	void *table;
	int err;

	if (!cover || !check->image)
		return 0;
	err = open_side(check, &cover->image, &check->cover, check->result.detail);
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

/* Every side's maps are copies of `start`, so that they are equal whatever happens to the
 * unit's. */
static int open_sides(struct check *check)
{
	char *detail = check->result.detail;
	int err = hone_maps_clone(check->unit, check->maps, &check->start, detail);

	if (!err)
		err = open_side(check, NULL, &check->a, detail);
	if (!err)
		err = open_side(check, check->image, &check->b, detail);
	if (!err && check->b.fd < 0)
		refuse(check, HONE_CHECK_VERIFIER);
	if (err || check->result.refused)
		return err;
	err = hone_compare_new(check->unit, &check->a.maps, &check->b.maps, &check->compare_ab);
	return err ? err : open_cover(check);
}

static int check_on_one_cpu(struct check *check)
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
	err = hone_packets_new(check->unit, &check->start, check->opts->seed, &check->packets);
	return err ? err : run_all(check);
}

static void hand_over(const struct check *check, struct hone_check_result *out)
{
	for (uint32_t i = 0; check->opts->reached && i < check->result.n_blocks; i++)
		check->opts->reached[i] |= check->reached[i] != 0;
	*out = check->result;
	if (!out->refused)
		out->detail[0] = '\0';
}

static void check_free(struct check *check)
{
	if (check->reached)
		munmap(check->reached - check->opts->cover->cover_offset,
		       check->opts->cover->image.table_bytes);
	hone_packets_free(&check->packets);
	hone_compare_free(&check->compare_ab);
	hone_side_close(&check->a);
	hone_side_close(&check->b);
	hone_side_close(&check->cover);
	hone_maps_close(&check->start);
	free(check);
}

/* Original against image, or against a second original (image NULL). */
static int check_once(const struct hone_unit *unit, const struct hone_maps *maps,
		      const struct hone_image *image, const struct hone_check_opts *opts,
		      uint32_t n_packets, struct hone_check_result *out)
{
	struct check *check = calloc(1, sizeof(*check));
	cpu_set_t was;
	int err;

	if (!check)
		return -ENOMEM;
	check->unit = opts->chain ? &opts->chain->unit : unit;
	check->maps = opts->chain ? &opts->chain->maps : maps;
	check->image = image;
	check->opts = opts;
	check->n_packets = n_packets;
	err = hone_cpu_pin(&was);
	if (!err) {
		err = check_on_one_cpu(check);
		hone_cpu_unpin(&was);
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
	struct hone_check_result result, control;
	int err = 0;

	if (!hone_outcome_is_possible(unit->prog_type)) {
		*out = (struct hone_check_result){.refused = HONE_NO_TEST_RUN};
		snprintf(out->detail, HONE_DETAIL_LEN, "program type %u", unit->prog_type);
		return 0;
	}
	err = check_once(unit, maps, image, opts, opts->n_packets, &result);
	if (!err && result.refused == HONE_CHECK_MISMATCH) {
		err = check_once(unit, maps, NULL, opts, result.n_packets + CONTROL_PACKETS,
				 &control);
		if (!err && control.refused == HONE_CHECK_MISMATCH) {
			result.refused = HONE_CHECK_NONDETERMINISTIC;
			memcpy(result.detail, control.detail, sizeof(result.detail));
		}
	}
	if (!err && !result.refused && result.n_packets == 0 && opts->n_packets > 0) {
		result.refused = HONE_NO_TEST_RUN;
		snprintf(result.detail, HONE_DETAIL_LEN,
			 "the kernel runs no packet: program type %u, attach type %u",
			 unit->prog_type, unit->expected_attach_type);
	}
	if (!err)
		*out = result;
	return err;
}
