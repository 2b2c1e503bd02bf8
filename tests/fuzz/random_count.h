/* SPDX-License-Identifier: Apache-2.0 */
/* random_count: what a run of random programs contained, and what became of them. */
#ifndef HONE_FUZZ_RANDOM_COUNT_H
#define HONE_FUZZ_RANDOM_COUNT_H

#include "tests/fuzz/random_run.h"

enum { RANDOM_LEVELS = 3, RANDOM_BUCKETS = 16, RANDOM_VERDICTS = 5 };

struct random_count {
	uint32_t n_made, n_not_loaded;
	uint64_t n_insns, n_statements, n_functions, n_verified;
	uint32_t by_size[RANDOM_BUCKETS]; /* programs of 2^i instructions and more */
	uint32_t with[RANDOM_WHAT_N];	  /* programs that have it */
	uint64_t n_what[RANDOM_WHAT_N];	  /* statements */
	uint32_t n_run[RANDOM_LEVELS], n_equal[RANDOM_LEVELS], n_died[RANDOM_LEVELS];
	uint32_t refused[RANDOM_LEVELS][HONE_REASON_N];
	uint64_t n_sites[RANDOM_LEVELS], n_rewritten[RANDOM_LEVELS], n_image_insns[RANDOM_LEVELS];
	uint64_t n_packets, n_verdicts[RANDOM_VERDICTS];
	uint32_t by_verdicts[5];   /* programs that gave so many different verdicts */
	uint64_t n_hits, n_misses; /* of lookups, in the programs that were counted */
};

void random_count_program(struct random_count *count, const struct random_program *program);
void random_count_outcome(struct random_count *count, unsigned int level,
			  const struct random_outcome *outcome);
void random_count_print(const struct random_count *count);

/* random_count_expected() - refused by a rule of what is not supported at all. */
bool random_count_expected(enum hone_reason reason);

/* Programs that should have an image and got one which is equal, in percent. */
double random_count_accepted(const struct random_count *count);

#endif
