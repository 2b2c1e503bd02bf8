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

/* ---- diff_report.c ---- */

struct hone_diff_report {
	const struct hone_diff_program *a, *b;
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
