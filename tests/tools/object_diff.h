/* SPDX-License-Identifier: Apache-2.0 */
/* object_diff: an object's program against what honec makes of it, in one call. */
#ifndef HONE_TEST_OBJECT_DIFF_H
#define HONE_TEST_OBJECT_DIFF_H

#include "runtime/deploy/check.h"
#include "tests/tools/honec.h"
#include "tests/tools/object_unit.h"

struct object_diff {
	enum hone_reason refused; /* by honec, or for tail calls; HONE_REWRITTEN: check is filled */
	char detail[HONE_DETAIL_LEN]; /* why */
	struct hone_check_result check;
	uint32_t n_insns, n_image_insns;
	uint32_t n_blocks; /* of the original; check.n_reached of them were entered */
	uint8_t *reached;  /* one byte per block */
	uint32_t *block_insns;
};

/* object_diff() - compile the program at this level from what its maps hold now (no program but
 * its siblings behind tail calls holds them) and run n_packets through both, on copies of the maps.
 * Returns 0 or -errno; freed with object_diff_free(). */
int object_diff(const struct honec *honec, struct object_unit *subject, unsigned int level,
		uint32_t n_packets, uint64_t seed, struct object_diff *out);
void object_diff_free(struct object_diff *diff);

#endif
