/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what the files of `hone diff` share. */
#ifndef HONE_DIFF_H
#define HONE_DIFF_H

#include "runtime/cli/diff_program.h"
#include "runtime/deploy/check.h"

/* ---- diff_cover.c ---- */

/* hone_diff_cover() - the unit's blocks, marked, in *out (hone_result_free()); false: why not
 * (HONE_DETAIL_LEN bytes). */
bool hone_diff_cover(const struct hone_unit *unit, struct hone_result *out, char *why);

/* ---- diff_target.c ---- */

/* What a target's packets meet: its program, and the image in front of it. */
struct hone_diff_target {
	struct hone_diff_program program;
	struct hone_result image;
	json_t *guard;
};

/* hone_diff_target_open() - ask the daemon. Returns HONE_EXIT_OK, or another code, said; close in
 * any case. hone_diff_target_is_stale() - has the image been withdrawn or replaced since? It was
 * made for maps that are no longer what they were. */
enum hone_exit hone_diff_target_open(const struct hone_cli *cli, const char *text,
				     struct hone_diff_target *out);
bool hone_diff_target_is_stale(const struct hone_cli *cli, const struct hone_diff_target *target);
void hone_diff_target_close(struct hone_diff_target *target);

/* ---- diff_report.c ---- */

struct hone_diff_report {
	const struct hone_diff_program *a, *b;
	const struct hone_image *image; /* what A is compared with instead of B; NULL: B */
	const struct hone_check_result *result;
	const struct hone_packet_log *minimal;
	bool is_replayed; /* minimal alone shows the mismatch, too */
	uint32_t seed;
	const struct hone_result *cover; /* NULL: no coverage, and why */
	const uint8_t *reached;
	const char *no_cover;
};

/* hone_diff_say() - for people, or as JSON. Returns the exit code. */
enum hone_exit hone_diff_say(const struct hone_cli *cli, const struct hone_diff_report *report);

#endif
