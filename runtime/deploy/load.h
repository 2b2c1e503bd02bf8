/* SPDX-License-Identifier: Apache-2.0 */
/* load: instructions into the kernel: a unit's copy, its root, its images. Attaches nothing. */
#ifndef HONE_LOAD_H
#define HONE_LOAD_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

/* What an image's relocations resolve to, besides the unit's maps. All borrowed. */
struct hone_image_env {
	const struct hone_maps *maps;
	int table_fd; /* hone_load_table() */
	int guard_fd;
	uint32_t guard_offset; /* of the unit's slot in the guard map's value */
	int slots_fd;
	int counts_fd;
};

/* A program that was loaded, and what the verifier said. */
struct hone_loaded {
	int fd; /* owned by the caller */
	uint32_t id;
	uint32_t n_verified; /* instructions the verifier walked */
};

/* hone_load_original() - a copy of the unit on these maps: same name, flags, licence, BTF.
 * log: filled with the end of the verifier's log on failure (HONE_DETAIL_LEN); may be NULL. */
int hone_load_original(const struct hone_unit *unit, const struct hone_maps *maps,
		       struct hone_loaded *out, char *log);

/* hone_load_root() - a prologue (tail call through slots[HONE_PROG_IMAGE]) in front of the unit's
 * own instructions, on the unit's maps: same name and BTF. With the slot empty it is the
 * original. Six instructions; func_info offsets move along. */
int hone_load_root(const struct hone_unit *unit, const struct hone_maps *maps, int slots_fd,
		   struct hone_loaded *out, char *log);

/* hone_load_table() - the image's own one-entry mmapable array, filled with image->table.
 * hone_load_slots(), hone_load_counts() - a unit's PROG_ARRAY and counters (abi.h).
 * Return an fd that the caller owns, or -errno. */
int hone_load_table(const struct hone_image *image);
int hone_load_slots(void);
int hone_load_counts(void);

/* hone_load_image() - 0, or -errno with the end of the verifier's log. The unit gives licence,
 * type, flags and attach type. */
int hone_load_image(const struct hone_unit *unit, const struct hone_image *image,
		    const struct hone_image_env *env, struct hone_loaded *out, char *log);

/* hone_expected_set() - store `expected` in an image's table (atomic, through its mapping).
 * hone_expected_get() - read it. */
int hone_expected_set(int table_fd, uint64_t epoch);
int hone_expected_get(int table_fd, uint64_t *epoch);

/* hone_counts_read() - a unit's counters, summed over CPUs: counts[HONE_COUNT_N]. */
int hone_counts_read(int counts_fd, uint64_t *counts);

#endif
