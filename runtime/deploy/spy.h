/* SPDX-License-Identifier: Apache-2.0 */
/* spy: copies of programs that write down where they redirect packets to.
 *
 * BPF_PROG_TEST_RUN tells that a packet is redirected, not where to. So in both programs of a
 * check each call of bpf_redirect() and its kin becomes a call of a small function at the end,
 * which notes its arguments in a map and then does the same. But for bpf_clone_redirect(): that
 * would send a packet even in a test run, so it is only noted, and succeeds. */
#ifndef HONE_SPY_H
#define HONE_SPY_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

/* What the last redirect asked for. */
struct hone_spy_note {
	uint64_t target; /* interface, or key */
	uint64_t flags;
	int64_t map; /* index; -1: none (bpf_redirect) */
	uint64_t n_calls;
};

bool hone_spy_is_needed(const struct hone_unit *unit);

/* hone_spy_unit(), hone_spy_image() - copies whose map number unit->n_maps takes the notes: the
 * caller appends hone_spy_map() to the maps of each. Everything that is not rewritten is borrowed
 * from the original. Return 0, -E2BIG (no room for one more map), or -ENOMEM; freed with
 * hone_spy_unit_free(), hone_spy_image_free(). */
int hone_spy_unit(const struct hone_unit *unit, struct hone_unit *out);
int hone_spy_image(const struct hone_unit *unit, const struct hone_image *image,
		   struct hone_image *out);
void hone_spy_unit_free(struct hone_unit *unit);
void hone_spy_image_free(struct hone_image *image);

/* A new map for notes, and its memory. Owner: the caller, of both (munmap). -errno. */
int hone_spy_map(const struct hone_spy_note **note);
void hone_spy_unmap(const struct hone_spy_note *note);

#endif
