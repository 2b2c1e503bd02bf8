// SPDX-License-Identifier: Apache-2.0
/* session_chain: where a unit's tail calls lead, and whether a root leaves enough of them.
 *
 * When:  each time that facts are gathered, so before any image is published or trusted again.
 * Does:  watches every PROG_ARRAY on the way, those that only targets hold too: a write to one of
 *        them raises the unit's epoch, and the depth is decided anew.
 * Not:   keeping descriptors of those arrays: the kernel empties a PROG_ARRAY when its last
 *        descriptor and pin are gone, and that must stay its owner's affair. */
#include <errno.h>
#include <string.h>

#include "runtime/common/log.h"
#include "runtime/daemon/session.h"

struct finding {
	const struct hone_session *session;
	bool may_ask; /* honec, for an analysis */
};

static int find_program(void *arg, uint32_t prog_id, struct hone_chain_program *out)
{
	const struct finding *finding = arg;
	struct hone_programs *programs = finding->session->daemon->programs;
	struct hone_program *program = hone_programs_find(programs, prog_id);
	int err;

	if (!program || program->refused != HONE_REWRITTEN ||
	    (!program->is_analysed && !finding->may_ask))
		return -ENOENT;
	err = hone_programs_analyse(programs, program);
	if (!err)
		*out = (struct hone_chain_program){&program->unit, &program->analysis};
	return err;
}

int hone_session_chain(const struct hone_session *session, bool may_ask, struct hone_chain *out)
{
	struct finding finding = {.session = session, .may_ask = may_ask};

	return hone_chain_new(&session->unit, &session->maps, find_program, &finding, out);
}

static bool is_watched(const struct hone_session *session, uint32_t map_id)
{
	for (uint32_t i = 0; i < session->n_arrays; i++)
		if (session->arrays[i] == map_id)
			return true;
	return false;
}

static int fail(struct hone_session *session, int err)
{
	if (err == -EINPROGRESS || err == -ENOENT) /* a map went while it was walked */
		return err == -ENOENT ? -EAGAIN : err;
	session->reason = HONE_NO_KERNEL_OBJECT;
	snprintf(session->detail, sizeof(session->detail), "tail calls: %s", strerror(-err));
	return err;
}

static int watch_arrays(struct hone_session *session, const struct hone_chain *chain)
{
	session->n_arrays = 0;
	for (uint32_t i = 0; i < chain->unit.n_maps; i++) {
		const struct hone_map *map = &chain->unit.maps[i];
		int err;

		if (map->type != BPF_MAP_TYPE_PROG_ARRAY)
			continue;
		err = hone_watch_map(session->daemon->watch, map->id, session->slot);
		if (err)
			return hone_log_err(err, "map %s: cannot be watched", map->name);
		session->arrays[session->n_arrays++] = map->id;
	}
	return 0;
}

/* What is refused is told by decide, for the epoch that is read meanwhile. */
int hone_chain_watch(struct hone_session *session)
{
	struct hone_chain chain;
	int err = hone_session_chain(session, true, &chain);

	if (err)
		return fail(session, err);
	err = watch_arrays(session, &chain);
	hone_chain_free(&chain);
	return err ? fail(session, err) : 0;
}

int hone_chain_decide(struct hone_session *session)
{
	struct hone_chain chain;
	int err = hone_session_chain(session, true, &chain);

	if (err)
		return fail(session, err);
	for (uint32_t i = 0; i < chain.unit.n_maps && !err; i++)
		if (chain.unit.maps[i].type == BPF_MAP_TYPE_PROG_ARRAY &&
		    !is_watched(session, chain.unit.maps[i].id))
			err = -EAGAIN;
	if (!err && chain.refused != HONE_REWRITTEN) {
		session->reason = chain.refused;
		memcpy(session->detail, chain.detail, sizeof(session->detail));
		err = -ENOTSUP;
	}
	hone_chain_free(&chain);
	return err;
}
