// SPDX-License-Identifier: Apache-2.0
/* object_chain: see the header. */
#include "tests/tools/object_chain.h"

#include <errno.h>
#include <stdlib.h>

static bool has_prog_array(const struct hone_unit *unit)
{
	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (unit->maps[i].type == BPF_MAP_TYPE_PROG_ARRAY)
			return true;
	return false;
}

static int add(const struct honec *honec, const struct object_unit *subject,
	       const struct bpf_program *program, struct object_chain *chain)
{
	struct hone_request request = {.kind = HONE_REQUEST_ANALYSE, .policy = honec_policy(0)};
	uint32_t at = chain->n;
	int err;

	chain->units = reallocarray(chain->units, at + 1, sizeof(*chain->units));
	chain->analyses = reallocarray(chain->analyses, at + 1, sizeof(*chain->analyses));
	if (!chain->units || !chain->analyses)
		return -ENOMEM;
	chain->n++;
	chain->analyses[at] = (struct hone_result){0};
	err = object_unit_of(subject->object, program, &chain->units[at]);
	if (err)
		return err;
	request.unit = chain->units[at].unit;
	return honec_ask(honec, &request, &chain->analyses[at]);
}

static int find(void *arg, uint32_t prog_id, struct hone_chain_program *out)
{
	const struct object_chain *chain = arg;

	for (uint32_t i = 0; i < chain->n; i++)
		if (chain->units[i].unit.prog_id == prog_id) {
			*out = (struct hone_chain_program){&chain->units[i].unit,
							   &chain->analyses[i]};
			return 0;
		}
	return -ENOENT;
}

int object_chain_open(const struct honec *honec, const struct object_unit *subject,
		      struct object_chain *out)
{
	const struct bpf_program *program = NULL;
	int err = 0;

	*out = (struct object_chain){.exists = has_prog_array(&subject->unit)};
	if (!out->exists)
		return 0;
	while (!err && (program = bpf_object__next_program(
				subject->object, (struct bpf_program *)(uintptr_t)program)))
		if (bpf_program__fd(program) >= 0)
			err = add(honec, subject, program, out);
	return err ? err : hone_chain_new(&subject->unit, &subject->maps, find, out, &out->chain);
}

void object_chain_close(struct object_chain *chain)
{
	if (chain->exists)
		hone_chain_free(&chain->chain);
	for (uint32_t i = 0; i < chain->n; i++) {
		object_unit_close(&chain->units[i]);
		hone_result_free(&chain->analyses[i]);
	}
	free(chain->units);
	free(chain->analyses);
	*chain = (struct object_chain){0};
}

void object_chain_effects(const struct object_chain *chain, uint32_t map_id,
			  struct hone_effects *out)
{
	for (uint32_t i = 0; i < chain->n; i++) {
		const struct hone_unit *unit = &chain->units[i].unit;

		for (uint32_t m = 0; m < unit->n_maps; m++)
			if (unit->maps[m].id == map_id && m < chain->analyses[i].n_effects)
				hone_effects_join(out, &chain->analyses[i].effects[m]);
			else if (unit->maps[m].id == map_id)
				out->is_unknown = true;
	}
}
