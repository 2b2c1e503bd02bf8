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

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/deploy/compare.h"
#include "runtime/deploy/packets.h"
#include "runtime/deploy/sandbox.h"
#include "runtime/deploy/spy.h"
#include "runtime/deploy/targets.h"

enum {
	OUT_BYTES = 8192,
	BROKEN_SHARE = 16,     /* one packet in so many is run with the guard broken */
	CONTROL_PACKETS = 512, /* more in the control, to catch what differs only sometimes */
	DEFAULT_BATCH = 1000,
};

/* What a program made of a packet. */
struct outcome {
	uint32_t verdict, size;
	struct hone_spy_note redirect; /* the last one so far */
	uint8_t bytes[OUT_BYTES];
};

struct check {
	const struct hone_unit *unit;
	const struct hone_maps *maps; /* its own */
	const struct hone_check_opts *opts;
	uint32_t n_packets;
	bool is_control;	     /* B runs the original too */
	struct hone_unit spied_unit; /* without insns: nothing redirects */
	struct hone_image spied_image;
	const struct hone_spy_note *note_a, *note_b;
	struct hone_maps a, b;
	struct hone_sandbox sandbox;		   /* on b */
	struct hone_loaded original_a, original_b; /* original_b: of a control */
	struct hone_compare *compare_ab;
	struct hone_packets *packets;
	struct hone_packet packet;
	struct outcome of_a, of_b;
	struct hone_check_result result;
};

static int run_packet(int prog_fd, const struct hone_packet *packet,
		      const struct hone_spy_note *note, struct outcome *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes, .data_size_in = packet->size,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .repeat = 1);

	if (bpf_prog_test_run_opts(prog_fd, &opts))
		return -errno;
	out->verdict = opts.retval;
	out->size = opts.data_size_out;
	if (note)
		out->redirect = *note;
	return 0;
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	return a->verdict == b->verdict && a->size == b->size &&
	       memcmp(&a->redirect, &b->redirect, sizeof(a->redirect)) == 0 &&
	       memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void refuse(struct check *check, enum hone_reason reason)
{
	check->result.refused = reason;
}

/* ---- the run ---- */

static int candidate_fd(const struct check *check)
{
	return check->is_control ? check->original_b.fd : check->sandbox.image.fd;
}

static void describe_packet(struct check *check)
{
	const struct outcome *a = &check->of_a, *b = &check->of_b;
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
	const uint32_t n = sizeof(check->result.n_verdicts) / sizeof(check->result.n_verdicts[0]);
	uint32_t verdict = check->of_a.verdict;

	check->result.n_verdicts[verdict < n ? verdict : n - 1]++;
	check->result.n_packets++;
}

static int run_one(struct check *check)
{
	const struct hone_packet *packet = &check->packet;
	int err;

	hone_packets_next(check->packets, &check->packet);
	err = run_packet(check->original_a.fd, packet, check->note_a, &check->of_a);
	if (!err)
		err = run_packet(candidate_fd(check), packet, check->note_b, &check->of_b);
	if (err)
		return hone_log_err(err, "%s: cannot run a packet of %u bytes", check->unit->name,
				    packet->size);
	count_verdict(check);
	if (is_same(&check->of_a, &check->of_b))
		return 0;
	describe_packet(check);
	refuse(check, HONE_CHECK_MISMATCH);
	return 0;
}

static int compare_maps(struct check *check, bool all_cpus)
{
	int equal;

	if (all_cpus)
		equal = hone_maps_equal(check->unit, &check->a, &check->b, check->result.detail);
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
	int err = hone_sandbox_count(&check->sandbox, HONE_COUNT_FALLBACK, &n);

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
	bool is_guarded = !check->is_control && !check->opts->is_unguarded;
	uint32_t n_broken = is_guarded ? check->n_packets / BROKEN_SHARE : 0;
	int err = run_batches(check, check->n_packets - n_broken);

	if (err || check->result.refused || !is_guarded)
		return err;
	err = expect_fallbacks(check, 0);
	if (err || check->result.refused)
		return err;
	err = hone_sandbox_break_guard(&check->sandbox);
	if (!err)
		err = run_batches(check, n_broken);
	return err ? err : expect_fallbacks(check, n_broken);
}

/* ---- set-up ---- */

/* B is a copy of A, so that the two are equal whatever happens to the unit's maps. */
static int clone_maps(struct check *check)
{
	int err = hone_maps_clone(check->unit, check->maps, &check->a, check->result.detail);

	if (!err)
		err = hone_maps_clone(check->unit, &check->a, &check->b, check->result.detail);
	return err;
}

static int add_notes(struct hone_maps *maps, const struct hone_spy_note **note)
{
	int fd = hone_spy_map(note);

	if (fd < 0)
		return fd;
	maps->fd[maps->n++] = fd;
	return 0;
}

/* From here on the programs are copies that note where they redirect to. */
static int spy(struct check *check, const struct hone_image *image)
{
	int err = hone_spy_unit(check->unit, &check->spied_unit);

	if (!err && !check->is_control)
		err = hone_spy_image(check->unit, image, &check->spied_image);
	if (!err)
		err = add_notes(&check->a, &check->note_a);
	if (!err)
		err = add_notes(&check->b, &check->note_b);
	return err;
}

static int load_candidate(struct check *check, const struct hone_unit *unit,
			  const struct hone_image *image, char *log)
{
	int err;

	if (check->is_control)
		return hone_load_original(unit, &check->b, &check->original_b, log);
	err = hone_sandbox_open(unit, &check->b, image, &check->sandbox, log);
	if (!err && check->sandbox.image.fd < 0)
		refuse(check, HONE_CHECK_VERIFIER);
	return err;
}

static int load_targets(struct check *check, bool is_spied)
{
	const struct hone_maps *const copies[] = {&check->a, &check->b};
	int err = 0;

	for (int i = 0; i < 2 && !err; i++)
		err = hone_targets_load(check->unit, check->opts->chain, check->maps, copies[i],
					is_spied, check->result.detail);
	if (err != -ENOTSUP)
		return err;
	refuse(check, HONE_CHECK_NOT_CLONED);
	return 0;
}

static int load_programs(struct check *check, const struct hone_image *image)
{
	bool is_spied =
		hone_spy_is_needed(check->unit) || hone_targets_redirect(check->opts->chain);
	const struct hone_unit *unit = is_spied ? &check->spied_unit : check->unit;
	char *log = check->result.detail;
	int err = is_spied ? spy(check, image) : 0;

	if (!err)
		err = load_targets(check, is_spied);
	if (!err && !check->result.refused)
		err = load_candidate(check, unit, is_spied ? &check->spied_image : image, log);
	if (err || check->result.refused)
		return err;
	err = hone_load_original(unit, &check->a, &check->original_a, log);
	if (!err)
		err = hone_compare_new(check->unit, &check->a, &check->b, &check->compare_ab);
	return err;
}

static int read_table(const struct check *check)
{
	__u32 zero = 0;

	if (!check->opts->table || check->is_control)
		return 0;
	return bpf_map_lookup_elem(check->sandbox.table_fd, &zero, check->opts->table) ? -errno : 0;
}

static int check_on_one_cpu(struct check *check, const struct hone_image *image)
{
	int err = clone_maps(check);

	if (err == -ENOTSUP) {
		refuse(check, HONE_CHECK_NOT_CLONED);
		return 0;
	}
	if (err)
		return hone_log_err(err, "%s: cannot copy the maps: %s", check->unit->name,
				    check->result.detail);
	err = hone_packets_new(check->unit, &check->a, check->opts->seed, &check->packets);
	if (!err)
		err = load_programs(check, image);
	if (err || check->result.refused)
		return err;
	err = run_all(check);
	return err ? err : read_table(check);
}

static void check_free(struct check *check)
{
	hone_packets_free(&check->packets);
	hone_compare_free(&check->compare_ab);
	hone_sandbox_close(&check->sandbox);
	if (check->original_a.fd >= 0)
		close(check->original_a.fd);
	if (check->original_b.fd >= 0)
		close(check->original_b.fd);
	hone_maps_close(&check->a);
	hone_maps_close(&check->b);
	hone_spy_unmap(check->note_a);
	hone_spy_unmap(check->note_b);
	hone_spy_unit_free(&check->spied_unit);
	hone_spy_image_free(&check->spied_image);
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
	check->opts = opts;
	check->n_packets = n_packets;
	check->is_control = !image;
	check->sandbox = (struct hone_sandbox)HONE_SANDBOX_EMPTY;
	check->original_a.fd = check->original_b.fd = -1;
	err = hone_cpu_pin(&was);
	if (!err) {
		err = check_on_one_cpu(check, image);
		hone_cpu_unpin(&was);
	}
	if (!err) {
		if (!check->result.refused)
			check->result.detail[0] = '\0';
		*out = check->result;
	}
	check_free(check);
	return err;
}

int hone_check_image(const struct hone_unit *unit, const struct hone_maps *maps,
		     const struct hone_image *image, const struct hone_check_opts *opts,
		     struct hone_check_result *out)
{
	struct hone_check_result result, control;
	int err = check_once(unit, maps, image, opts, opts->n_packets, &result);

	if (!err && result.refused == HONE_CHECK_MISMATCH) {
		err = check_once(unit, maps, NULL, opts, result.n_packets + CONTROL_PACKETS,
				 &control);
		if (!err && control.refused == HONE_CHECK_MISMATCH) {
			result.refused = HONE_CHECK_NONDETERMINISTIC;
			memcpy(result.detail, control.detail, sizeof(result.detail));
		}
	}
	if (!err)
		*out = result;
	return err;
}
