// SPDX-License-Identifier: Apache-2.0
/* targets: see the header.
 *
 * When:  maps were cloned for a check or a measurement.
 * Not:   telling which programs there are, or how deep they go (live/chain.c). */
#include "runtime/deploy/targets.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/common/log.h"
#include "runtime/deploy/load.h"
#include "runtime/deploy/spy.h"
#include "runtime/live/content.h"

struct loading {
	const struct hone_unit *unit;
	const struct hone_chain *chain;
	const struct hone_maps *from, *copies;
	int fd[HONE_CHAIN_PROGRAMS_MAX]; /* of the copies of the chain's targets */
};

static int load_spied(const struct hone_unit *target, const struct hone_maps *copies,
		      struct hone_loaded *out, char *detail)
{
	struct hone_unit spied;
	int err = hone_spy_unit(target, &spied);

	if (err)
		return err;
	err = hone_load_original(&spied, copies, out, detail);
	hone_spy_unit_free(&spied);
	return err;
}

static int load_all(struct loading *l, bool spied, char *detail)
{
	for (uint32_t i = 0; i < l->chain->n_targets; i++) {
		const struct hone_unit *target = &l->chain->targets[i];
		struct hone_loaded loaded;
		int err = spied ? load_spied(target, l->copies, &loaded, detail)
				: hone_load_original(target, l->copies, &loaded, detail);

		if (err)
			return hone_log_err(err, "%s: a copy cannot be loaded: %s", target->name,
					    detail);
		l->fd[i] = loaded.fd;
	}
	return 0;
}

/* -1: not one of the chain's. */
static int find_copy(const struct loading *l, uint32_t prog_id)
{
	for (uint32_t i = 0; l->chain && i < l->chain->n_targets; i++)
		if (l->chain->targets[i].prog_id == prog_id)
			return l->fd[i];
	return -1;
}

static int fill_array(const struct loading *l, uint32_t map, char *detail)
{
	struct hone_content content;
	int err = hone_content_read(l->from->fd[map], &l->unit->maps[map], &content);

	for (uint32_t i = 0; !err && i < content.n; i++) {
		uint32_t prog_id;
		int fd;

		memcpy(&prog_id, hone_content_value(&content, i), sizeof(prog_id));
		fd = find_copy(l, prog_id);
		if (!l->chain)
			err = -ENOTSUP;
		else if (fd >= 0 &&
			 bpf_map_update_elem(l->copies->fd[map], hone_content_key(&content, i), &fd,
					     BPF_ANY))
			err = -errno;
	}
	hone_content_free(&content);
	if (err)
		snprintf(detail, HONE_DETAIL_LEN, "map %s: its programs cannot be copied: %s",
			 l->unit->maps[map].name, strerror(-err));
	return err;
}

int hone_targets_load(const struct hone_unit *unit, const struct hone_chain *chain,
		      const struct hone_maps *from, const struct hone_maps *copies, bool spied,
		      char *detail)
{
	struct loading l = {.unit = unit, .chain = chain, .from = from, .copies = copies};
	uint32_t n_targets = chain ? chain->n_targets : 0;
	int err;

	for (uint32_t i = 0; i < n_targets; i++)
		l.fd[i] = -1;
	err = chain ? load_all(&l, spied, detail) : 0;
	for (uint32_t i = 0; i < unit->n_maps && !err; i++)
		if (unit->maps[i].type == BPF_MAP_TYPE_PROG_ARRAY)
			err = fill_array(&l, i, detail);
	for (uint32_t i = 0; i < n_targets; i++)
		if (l.fd[i] >= 0)
			close(l.fd[i]);
	return err;
}

bool hone_targets_redirect(const struct hone_chain *chain)
{
	for (uint32_t i = 0; chain && i < chain->n_targets; i++)
		if (hone_spy_is_needed(&chain->targets[i]))
			return true;
	return false;
}
