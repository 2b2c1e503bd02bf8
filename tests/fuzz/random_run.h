/* SPDX-License-Identifier: Apache-2.0 */
/* random_run: a program and its maps into the kernel, through the compiler, and both compared. */
#ifndef HONE_FUZZ_RANDOM_RUN_H
#define HONE_FUZZ_RANDOM_RUN_H

#include "runtime/deploy/check.h"
#include "tests/fuzz/random_program.h"
#include "tests/tools/honec.h"
#include "tests/tools/object_unit.h"

/* A program with filled maps; its verifier has agreed. */
struct random_subject {
	struct object_unit unit;
	uint32_t n_verified;
};

/* random_subject_new() - maps, contents and instructions of a program. Returns 0; -EACCES and the
 * like with the verifier's last words in `log` (HONE_DETAIL_LEN) if it is not taken; or -errno. */
int random_subject_new(const struct random_program *program, struct random_subject *out, char *log);
/* The same of a unit with snapshots, as in a case file. */
int random_subject_of_unit(const struct hone_unit *unit, struct random_subject *out, char *log);
void random_subject_free(struct random_subject *subject);

/* random_subject_write() - as a case file. Returns 0 or -errno. */
int random_subject_write(struct random_subject *subject, const char *path);

/* What came of one level. */
struct random_outcome {
	bool died;		  /* the worker */
	enum hone_reason refused; /* REWRITTEN: compiled, loaded and equal */
	char detail[HONE_DETAIL_LEN];
	uint32_t n_insns; /* of the image */
	uint32_t n_sites, n_rewritten;
	struct hone_check_result check;
};

/* random_run() - compile at a level and compare. Starts honec again if it died. Returns 0 with
 * *out, or -errno. */
int random_run(struct random_subject *subject, struct honec *honec, unsigned int level,
	       uint32_t n_packets, struct random_outcome *out);

/* Is that an image which is wrong, or no image where there should be one? */
bool random_is_wrong(const struct random_outcome *outcome);

#endif
