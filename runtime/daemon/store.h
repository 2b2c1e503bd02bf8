/* SPDX-License-Identifier: Apache-2.0 */
/* store: what an operator chose, so that a restart and the offline verbs know it.
 *
 * <state>/operator.json   units that were attached (level, paused, guard slot …), and those that
 *                         were detached, which a policy must not take on again. Kernel ids mean
 *                         nothing after a reboot: the boot id is part of it.
 * <bpffs>/choices         the same rows in a map (choices.h). Of two rows of a unit the younger
 *                         counts; either place alone is enough.
 * <state>/images/         facts and result behind each image that is pinned, by program id
 *
 * One writer at a time: whoever holds hone_store_lock() of the bpffs directory. */
#ifndef HONE_STORE_H
#define HONE_STORE_H

#include <linux/types.h>

#include "compiler/facts.h"
#include "runtime/bpf/abi.h"
#include "runtime/live/discover.h"

struct hone_choice {
	struct hone_target target;
	uint32_t prog_id; /* the original */
	uint32_t slot;
	unsigned int level;
	bool is_paused;
	bool is_detached;  /* by an operator: only remembered */
	uint32_t image_id; /* the last that was about to go live; 0: none */
	unsigned int image_level;
	uint32_t generation;
	uint64_t written_ns; /* CLOCK_BOOTTIME; set by hone_store_put() */
};

struct hone_store {
	char dir[200], bpffs[200];
	int map_fd; /* choices.h; -1: not there yet */
	uint32_t n_choices;
	struct hone_choice *choices;
};

/* hone_store_open() - read the rows, making dir if it is not there. A file of another boot counts
 * as empty; so does one that cannot be read, which is logged. Returns 0 or -errno. */
int hone_store_open(const char *dir, const char *bpffs_dir, struct hone_store *out);
void hone_store_close(struct hone_store *store);

/* hone_store_rest() - nothing is deployed any more: leave no map behind. The file stays. */
void hone_store_rest(struct hone_store *store);

/* The row of a target's point; NULL: none. Valid until the next put or drop. */
struct hone_choice *hone_store_find(const struct hone_store *store,
				    const struct hone_target *point);

/* hone_store_put() - insert or replace the row of choice->target, in the map and in the file.
 * hone_store_drop() - the same for a row that goes. One of the two places is enough, and what
 * became of the other is logged. Return 0 or -errno. */
int hone_store_put(struct hone_store *store, const struct hone_choice *choice);
int hone_store_drop(struct hone_store *store, const struct hone_target *point);

/* hone_store_image_put() - keep what an image was made from: unit->maps are its facts.
 * hone_store_image_get() - read it again; the caller frees both.
 * hone_store_image_drop() - no longer needed. */
int hone_store_image_put(const struct hone_store *store, uint32_t image_id,
			 const struct hone_unit *unit, const struct hone_result *result);
int hone_store_image_get(const struct hone_store *store, uint32_t image_id, struct hone_unit *unit,
			 struct hone_result *result);
void hone_store_image_drop(const struct hone_store *store, uint32_t image_id);

/* hone_store_lock() - make bpffs_dir, and be the only one who changes what is below it.
 * wait_ms: how long to try. Returns an fd that holds the lock, -EBUSY, or -errno. */
int hone_store_lock(const char *bpffs_dir, unsigned int wait_ms);

/* <bpffs>/units/<name>, as hone_target_unit_name() */
void hone_unit_dir(const char *bpffs_dir, const struct hone_target *target, char *out, size_t size);

#endif
