/* SPDX-License-Identifier: Apache-2.0 */
/* programs: every captured program, and what honec's analysis says of it. */
#ifndef HONE_PROGRAMS_H
#define HONE_PROGRAMS_H

#include "compiler/facts.h"
#include "runtime/daemon/worker.h"
#include "runtime/live/capture.h"

struct hone_program {
	struct hone_program *next;
	uint32_t id;
	struct hone_unit unit;
	uint64_t netns;		  /* of the loader; 0: unknown (captured before this daemon) */
	enum hone_reason refused; /* could not be captured */
	char detail[HONE_DETAIL_LEN];
	bool is_verified; /* against what runs; what nobody asks about is not */
	bool is_asked, is_analysed;
	unsigned int n_deaths; /* of honec, on this program */
	struct hone_result analysis;
};

struct hone_programs;

/* hone_programs_new() - units_dir: where captured units are kept; borrowed.
 * analysed: called from the loop when an analysis that was asked for is there. */
int hone_programs_new(const char *units_dir, struct hone_worker *worker,
		      void (*analysed)(void *arg), void *arg, struct hone_programs **out);
void hone_programs_free(struct hone_programs **programs);

/* hone_programs_add() - a program that was captured; takes over its unit. Returns it, or NULL. */
struct hone_program *hone_programs_add(struct hone_programs *programs,
				       struct hone_captured *captured);

/* hone_programs_learn() - a program that was not captured, or only refused; takes over its verified
 * unit. One that is known already stays as it is. Returns 0 or -ENOMEM. */
int hone_programs_learn(struct hone_programs *programs, struct hone_unit *unit);

/* hone_programs_find() - by kernel id: captured by this daemon, or kept in units_dir. NULL: not
 * captured. Borrowed; valid until the program is unloaded. */
struct hone_program *hone_programs_find(struct hone_programs *programs, uint32_t id);

/* hone_programs_next() - the known programs, one after the other; NULL: first, or no more. */
const struct hone_program *hone_programs_next(const struct hone_programs *programs,
					      const struct hone_program *after);

/* hone_programs_verify() - is what was captured what runs? Asked once, and it takes as long as
 * loading the program. Returns 0 (program->refused tells if not), or -ENOENT (it is gone). */
int hone_programs_verify(struct hone_program *program);

/* hone_programs_analyse() - 0: program->analysis is there (it may be a refusal).
 * -EINPROGRESS: asked for; analysed() tells. -ENOENT: it is gone, or not what was captured. */
int hone_programs_analyse(struct hone_programs *programs, struct hone_program *program);

/* hone_programs_prune() - forget programs that are no longer loaded. */
void hone_programs_prune(struct hone_programs *programs);

#endif
