// SPDX-License-Identifier: Apache-2.0
/* programs: remember what was captured, and have each program analysed at most once.
 *
 * Programs are kept while they are loaded: any of them may turn out to share a unit's maps.
 * Decides nothing: a program that is not here, or whose analysis is a refusal, is for the caller
 * to distrust. */
#include "runtime/daemon/programs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/live/units.h"

enum { DEATHS_MAX = 3 }; /* then honec's death on this program is its analysis */

struct hone_programs {
	struct hone_program *first;
	struct hone_worker *worker;
	const char *units_dir;
	void (*analysed)(void *arg);
	void *arg;
};

/* A question to honec outlives neither the programs nor the program: it carries both. */
struct asked {
	struct hone_programs *programs;
	uint32_t id;
};

int hone_programs_new(const char *units_dir, struct hone_worker *worker,
		      void (*analysed)(void *arg), void *arg, struct hone_programs **out)
{
	struct hone_programs *programs = calloc(1, sizeof(*programs));

	if (!programs)
		return -ENOMEM;
	*programs = (struct hone_programs){
		.worker = worker,
		.units_dir = units_dir,
		.analysed = analysed,
		.arg = arg,
	};
	*out = programs;
	return 0;
}

static void program_free(struct hone_program *program)
{
	hone_unit_free(&program->unit);
	hone_result_free(&program->analysis);
	free(program);
}

void hone_programs_free(struct hone_programs **programs)
{
	struct hone_programs *p = TAKE_PTR(*programs);

	while (p && p->first) {
		struct hone_program *program = p->first;

		p->first = program->next;
		program_free(program);
	}
	free(p);
}

static struct hone_program *find_known(const struct hone_programs *programs, uint32_t id)
{
	struct hone_program *program = programs->first;

	while (program && program->id != id)
		program = program->next;
	return program;
}

/* Takes over the unit. */
static struct hone_program *insert(struct hone_programs *programs, struct hone_unit *unit)
{
	struct hone_program *program = find_known(programs, unit->prog_id);

	if (program) { /* what is there already may be in use */
		hone_unit_free(unit);
		return program;
	}
	program = calloc(1, sizeof(*program));
	if (!program) {
		hone_unit_free(unit);
		return NULL;
	}
	program->id = unit->prog_id;
	program->unit = *unit;
	*unit = (struct hone_unit){0};
	program->next = programs->first;
	programs->first = program;
	return program;
}

struct hone_program *hone_programs_add(struct hone_programs *programs,
				       struct hone_captured *captured)
{
	struct hone_program *program;

	if (captured->refused == HONE_REWRITTEN)
		hone_units_save(programs->units_dir, &captured->unit); /* logs */
	program = insert(programs, &captured->unit);
	if (!program)
		return NULL;
	program->netns = captured->netns;
	program->refused = captured->refused;
	memcpy(program->detail, captured->detail, sizeof(program->detail));
	return program;
}

int hone_programs_learn(struct hone_programs *programs, struct hone_unit *unit)
{
	struct hone_program *program = hone_programs_find(programs, unit->prog_id);

	if (program && program->refused != HONE_REWRITTEN) { /* nobody uses a unit without code */
		hone_unit_free(&program->unit);
		program->unit = *unit;
		program->refused = HONE_REWRITTEN;
		*unit = (struct hone_unit){0};
	} else {
		program = insert(programs, unit);
	}
	if (!program)
		return -ENOMEM;
	hone_units_save(programs->units_dir, &program->unit); /* logs */
	return 0;
}

struct hone_program *hone_programs_find(struct hone_programs *programs, uint32_t id)
{
	struct hone_program *program = find_known(programs, id);
	struct hone_unit unit;

	if (program || hone_units_load(programs->units_dir, id, &unit))
		return program;
	return insert(programs, &unit);
}

const struct hone_program *hone_programs_next(const struct hone_programs *programs,
					      const struct hone_program *after)
{
	return after ? after->next : programs->first;
}

static void take_analysis(void *arg, struct hone_result *result)
{
	_cleanup_free_ struct asked *asked = arg;
	struct hone_programs *programs = asked->programs;
	struct hone_program *program = find_known(programs, asked->id);
	bool died = result->refused == HONE_NO_WORKER_DIED || result->refused == HONE_NO_WORKER;

	if (program) {
		program->is_asked = false;
		program->is_analysed = !died || ++program->n_deaths >= DEATHS_MAX;
		hone_result_free(&program->analysis);
		program->analysis = *result;
		*result = (struct hone_result){0};
	}
	programs->analysed(programs->arg);
}

int hone_programs_verify(struct hone_program *program)
{
	int err;

	if (program->is_verified || program->refused != HONE_REWRITTEN)
		return 0;
	err = hone_unit_verify(&program->unit, program->detail);
	if (err == -ENOENT)
		return err;
	program->is_verified = !err;
	if (err) {
		program->refused = HONE_NO_CAPTURE_DIFFERS;
		hone_log_warn("%s: program %u: %s: %s", program->unit.name, program->id,
			      hone_reason_text(program->refused), program->detail);
	}
	return 0;
}

int hone_programs_analyse(struct hone_programs *programs, struct hone_program *program)
{
	struct hone_request request = {.kind = HONE_REQUEST_ANALYSE, .unit = program->unit};
	struct asked *asked;
	int err;

	if (program->is_analysed)
		return 0;
	if (program->is_asked)
		return -EINPROGRESS;
	if (hone_programs_verify(program) || program->refused != HONE_REWRITTEN)
		return -ENOENT;
	asked = malloc(sizeof(*asked));
	if (!asked)
		return -ENOMEM;
	*asked = (struct asked){.programs = programs, .id = program->id};
	err = hone_worker_ask(programs->worker, &request, take_analysis, asked);
	if (err) {
		free(asked);
		return err;
	}
	program->is_asked = true;
	return -EINPROGRESS;
}

void hone_programs_prune(struct hone_programs *programs)
{
	struct hone_program **at = &programs->first;

	while (*at) {
		struct hone_program *program = *at;
		struct bpf_prog_info info;

		if (program->is_asked || hone_prog_info_by_id(program->id, &info) != -ENOENT) {
			at = &program->next;
			continue;
		}
		*at = program->next;
		hone_units_forget(programs->units_dir, program->id);
		program_free(program);
	}
}
