// SPDX-License-Identifier: Apache-2.0
/* object_diff: see the header. Asks honec thrice: effects, image, marked blocks. */
#include "tests/tools/object_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/live/snapshot.h"
#include "tests/tools/object_chain.h"

enum { BATCH = 1000 };

static int ask(const struct honec *honec, const struct object_unit *subject,
	       enum hone_request_kind kind, unsigned int level, struct hone_result *out)
{
	const struct hone_request request = {
		.kind = kind, .unit = subject->unit, .policy = honec_policy(level)};

	return honec_ask(honec, &request, out);
}

/* Class and content of each map; one that cannot be read stays incomplete, and so unused. */
static int describe_maps(const struct honec *honec, struct object_unit *subject,
			 const struct object_chain *chain)
{
	struct hone_result analysis = {0};
	int err = ask(honec, subject, HONE_REQUEST_ANALYSE, 0, &analysis);

	for (uint32_t i = 0; !err && i < subject->unit.n_maps; i++) {
		struct hone_map *map = &subject->unit.maps[i];
		struct hone_effects all = {.is_unknown = i >= analysis.n_effects};

		if (i < analysis.n_effects)
			hone_effects_join(&all, &analysis.effects[i]);
		object_chain_effects(chain, map->id, &map->others);
		hone_effects_join(&all, &map->others);
		map->class = hone_class_of(map, &all);
		map->is_watched = true;
		err = hone_snapshot_take(subject->maps.fd[i], 1 << 20, 0, map);
		if (err == -ENOTSUP)
			err = 0;
	}
	hone_result_free(&analysis);
	return err;
}

/* Without marked blocks there is still a check. */
static int check(const struct object_unit *subject, const struct hone_image *image,
		 const struct hone_result *cover, struct hone_check_opts *opts,
		 struct object_diff *out)
{
	if (cover->refused == HONE_REWRITTEN) {
		out->reached = calloc(cover->n_blocks, 1);
		out->block_insns = calloc(cover->n_blocks, sizeof(*out->block_insns));
		if (!out->reached || !out->block_insns)
			return -ENOMEM;
		memcpy(out->block_insns, cover->block_insns,
		       cover->n_blocks * sizeof(*out->block_insns));
		out->n_blocks = cover->n_blocks;
		opts->cover = cover;
		opts->reached = out->reached;
	}
	return hone_check_image(&subject->unit, &subject->maps, image, opts, &out->check);
}

int object_diff(const struct honec *honec, struct object_unit *subject, unsigned int level,
		uint32_t n_packets, uint64_t seed, struct object_diff *out)
{
	struct hone_check_opts opts = {.n_packets = n_packets, .batch = BATCH, .seed = seed};
	struct hone_result result = {0}, cover = {0};
	struct object_chain chain;
	int err = object_chain_open(honec, subject, &chain);

	*out = (struct object_diff){.n_insns = subject->unit.n_insns};
	if (!err)
		err = describe_maps(honec, subject, &chain);
	if (!err)
		err = ask(honec, subject, HONE_REQUEST_COMPILE, level, &result);
	if (!err)
		err = ask(honec, subject, HONE_REQUEST_COVER, 0, &cover);
	if (!err) {
		out->refused = result.refused;
		memcpy(out->detail, result.detail, sizeof(out->detail));
		out->n_image_insns = result.image.n_insns;
	}
	if (!err && !out->refused && chain.exists) {
		out->refused = chain.chain.refused;
		memcpy(out->detail, chain.chain.detail, sizeof(out->detail));
		opts.chain = &chain.chain;
	}
	if (!err && !out->refused)
		err = check(subject, &result.image, &cover, &opts, out);
	hone_result_free(&result);
	hone_result_free(&cover);
	object_chain_close(&chain);
	if (err)
		object_diff_free(out);
	return err;
}

void object_diff_free(struct object_diff *diff)
{
	free(diff->reached);
	free(diff->block_insns);
	*diff = (struct object_diff){0};
}
