/* SPDX-License-Identifier: Apache-2.0 */
/* check_internal: a differential run under way. What check.c, judge.c and shrink.c share. */
#ifndef HONE_CHECK_INTERNAL_H
#define HONE_CHECK_INTERNAL_H

#include "runtime/deploy/check.h"
#include "runtime/deploy/compare.h"
#include "runtime/deploy/difference.h"
#include "runtime/deploy/packet_log.h"
#include "runtime/deploy/side.h"

/* What A is compared with: an image of A's unit, or another unit. */
struct hone_check_other {
	const struct hone_image *image; /* NULL: the unit's own code */
	const struct hone_unit *unit;
	const struct hone_maps *maps; /* its own; NULL: those of A */
};

struct hone_check {
	const struct hone_unit *unit; /* A's, or its chain's */
	const struct hone_maps *maps; /* its own */
	struct hone_check_other other;
	const struct hone_check_opts *opts;
	bool is_image;
	bool spies;
	int map_of_b[HONE_MAPS_MAX]; /* A's map → B's that is compared with it; -1: none is */
	struct hone_maps start;	  /* what A's maps were when the log began; descriptors only here */
	struct hone_maps start_b; /* the same of B, where it has maps of its own; n 0: it has not */
	struct hone_side a, b;
	struct hone_maps seen_b;  /* B's maps in the order of A's; borrowed; -1: not compared */
	struct hone_side control; /* A once more; unit NULL: nobody asked yet */
	struct hone_side cover;	  /* A, marking blocks; unit NULL: nobody asks */
	uint8_t *reached;	  /* with cover: per block; a mapping of its table */
	struct hone_compare *compare_ab;
	struct hone_packets *packets;
	struct hone_packet packet;				/* the last one */
	struct hone_packet_log log;				/* all since `start` */
	struct hone_differences observed, found, trial, varies; /* of what is being judged */
	struct hone_differences excluded;			/* what varies by itself, in maps */
	struct hone_check_result result;
};

/* ---- check.c ---- */

/* hone_check_open_side() - A's unit (image: NULL) or an image of it on copies of `start`. */
int hone_check_open_side(const struct hone_check *check, const struct hone_image *image,
			 struct hone_side *side, char *detail);

/* hone_check_run_b() - the last packet through B; map numbers in its note become A's. */
int hone_check_run_b(struct hone_check *check, const struct hone_packet *packet);

/* ---- judge.c ---- */

/* hone_judge_packet() - the last packet's outcomes differ; hone_judge_maps() - something in maps
 * or rings does. Either it is a mismatch (result.refused is set), or the original does not agree
 * with itself there: then this is noted, the sides are made equal again and the log begins anew.
 * Returns 0 or -errno. */
int hone_judge_packet(struct hone_check *check);
int hone_judge_maps(struct hone_check *check);

/* hone_judge_differs() - do the log's packets, from `start` on, make a difference in the last
 * outcome or in maps and rings that is not there beside the control? Returns 0 or -errno. */
int hone_judge_differs(struct hone_check *check, bool *out);

/* hone_judge_begin() - from here on: `start` is what A's maps are now, and so are all others'. */
int hone_judge_begin(struct hone_check *check);

/* ---- shrink.c ---- */

/* hone_shrink() - the mismatch that the log shows, by as little as possible, in `out`; nothing
 * where it is not seen again. Changes the log. Returns 0 or -errno. */
int hone_shrink(struct hone_check *check, struct hone_packet_log *out);

#endif
