// SPDX-License-Identifier: Apache-2.0
/* session_facts: what a unit's image may be built on, as of one epoch.
 *
 * Order matters. Maps are watched before the epoch is read, the epoch is read before the sharers
 * are walked and the maps are read, and it must be the same afterwards: a write, or the load of a
 * program that holds one of the maps, at any point in between makes the facts void. The grace
 * period lets programs end which began before the last write and may still store old bits.
 * Decides no class: hone_class_of() does. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/features.h"
#include "runtime/common/log.h"
#include "runtime/common/sys.h"
#include "runtime/daemon/session.h"
#include "runtime/live/extended.h"
#include "runtime/live/sharing.h"
#include "runtime/live/snapshot.h"

enum { READ_LIMIT_US = 500000, UNKNOWN_PASSES_MS = 1000 };

void hone_facts_free(struct hone_facts *facts)
{
	for (uint32_t i = 0; i < facts->n_maps; i++) {
		free(facts->maps[i].keys);
		free(facts->maps[i].values);
	}
	free(facts->maps);
	*facts = (struct hone_facts){0};
}

/* ---- comparing ---- */

static bool same_programs(const struct hone_map *a, const struct hone_map *b)
{
	return a->class == b->class && a->is_frozen == b->is_frozen &&
	       a->is_watched == b->is_watched && !memcmp(&a->others, &b->others, sizeof(a->others));
}

static bool same_content(const struct hone_map *a, const struct hone_map *b)
{
	size_t keys = (size_t)a->n_entries * a->key_size;
	size_t values = (size_t)a->n_entries * a->n_cpus * hone_map_value_stride(a);

	return a->complete == b->complete && a->n_entries == b->n_entries &&
	       a->n_cpus == b->n_cpus &&
	       (a->n_entries == 0 ||
		(!memcmp(a->keys, b->keys, keys) && !memcmp(a->values, b->values, values)));
}

bool hone_facts_equal(const struct hone_facts *a, const struct hone_facts *b)
{
	if (a->n_maps != b->n_maps || !a->maps || !b->maps)
		return false;
	for (uint32_t i = 0; i < a->n_maps; i++)
		if (!same_programs(&a->maps[i], &b->maps[i]) ||
		    !same_content(&a->maps[i], &b->maps[i]))
			return false;
	return true;
}

static bool holds(const struct hone_assumption *assumption, const struct hone_facts *was,
		  const struct hone_facts *is)
{
	const struct hone_map *map = &is->maps[assumption->map];

	if (assumption->enforcement == HONE_GUARDED && !map->is_watched)
		return false;
	return hone_assumption_holds(assumption, &was->maps[assumption->map], map);
}

bool hone_facts_have_unknown(const struct hone_facts *facts)
{
	for (uint32_t i = 0; i < facts->n_maps; i++)
		if (facts->maps[i].others.is_unknown)
			return true;
	return false;
}

bool hone_facts_hold(const struct hone_generation *image, const struct hone_facts *now)
{
	const struct hone_image *code = &image->result.image;

	if (image->facts.n_maps != now->n_maps)
		return false;
	for (uint32_t i = 0; i < now->n_maps; i++)
		if (!same_programs(&image->facts.maps[i], &now->maps[i]))
			return false;
	for (uint32_t i = 0; i < code->n_assumptions; i++)
		if (code->assumptions[i].map >= now->n_maps ||
		    !holds(&code->assumptions[i], &image->facts, now))
			return false;
	return true;
}

/* ---- gathering ---- */

static bool is_left_alone(const struct hone_session *session, const struct hone_map *map)
{
	const struct hone_settings *settings = &session->daemon->settings;

	if (session->busy_maps & (UINT64_C(1) << map->index))
		return true;
	for (uint32_t i = 0; i < settings->n_never_fold; i++)
		if (strncmp(settings->never_fold[i], map->name, HONE_NAME_LEN) == 0)
			return true;
	return false;
}

static bool is_looked_up(const struct hone_result *analysis, uint32_t map)
{
	for (uint32_t i = 0; i < analysis->n_sites; i++)
		if (analysis->sites[i].kind == HONE_SITE_LOOKUP &&
		    analysis->sites[i].map == (int32_t)map)
			return true;
	return false;
}

static enum hone_class class_with(const struct hone_map *map, const struct hone_effects *own,
				  const struct hone_effects *others)
{
	struct hone_effects all = *own;

	hone_effects_join(&all, others);
	return hone_class_of(map, &all);
}

/* Watch each map that a pass might take an interest in. Only ever adds: what a live image relies
 * on stays watched. */
static int watch_maps(struct hone_session *session, const struct hone_result *analysis)
{
	static const struct hone_effects none;

	for (uint32_t i = 0; i < session->unit.n_maps; i++) {
		struct hone_map *map = &session->unit.maps[i];
		enum hone_class class;
		int err = hone_map_describe(session->maps.fd[i], map);

		if (err)
			return hone_log_err(err, "map %s: cannot be described", map->name);
		class = class_with(map, &analysis->effects[i], &none);
		if (map->is_watched || class == HONE_CLASS_FIXED || class == HONE_CLASS_LIVE ||
		    !is_looked_up(analysis, i) || is_left_alone(session, map))
			continue;
		err = hone_watch_map(session->daemon->watch, map->id, session->slot);
		if (err)
			return hone_log_err(err, "map %s: cannot be watched", map->name);
		map->is_watched = true;
	}
	return 0;
}

void hone_facts_unwatch(struct hone_session *session)
{
	hone_watch_forget_slot(session->daemon->watch, session->slot);
	for (uint32_t i = 0; i < session->unit.n_maps; i++)
		session->unit.maps[i].is_watched = false;
}

struct walk {
	struct hone_session *session;
	const struct hone_result *analysis; /* the unit's own */
	bool is_pending;		    /* a sharer's analysis was asked for */
	bool has_unknown;		    /* a sharer that cannot be analysed */
};

static bool is_ours(void *arg, uint32_t prog_id)
{
	const struct walk *walk = arg;
	const struct hone_session *session = walk->session->daemon->sessions;

	for (; session; session = session->next)
		if (prog_id == session->deploy.root_id || prog_id == session->deploy.image_id ||
		    prog_id == session->candidate.prog_id)
			return true;
	return false;
}

/* A copy of the unit: the same instructions (tag) on the same maps. Somebody verifies a capture. */
static bool is_copy(const struct hone_session *session, uint32_t prog_id)
{
	_cleanup_close_ int unit_fd = bpf_prog_get_fd_by_id(session->unit.prog_id);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(prog_id);
	struct bpf_prog_info info;

	return unit_fd >= 0 && fd >= 0 && !hone_prog_info(fd, &info) &&
	       !memcmp(info.tag, session->unit.tag, sizeof(info.tag)) &&
	       !hone_same_map_references(unit_fd, fd);
}

static int effects_on(const struct hone_unit *unit, const struct hone_result *analysis,
		      uint32_t map_id, struct hone_effects *out)
{
	for (uint32_t i = 0; i < analysis->n_effects && i < unit->n_maps; i++) {
		if (unit->maps[i].id == map_id) {
			*out = analysis->effects[i];
			return 0;
		}
	}
	return -ENOENT; /* bound later, or the analysis is a refusal */
}

static int ask_known(struct walk *walk, uint32_t prog_id, uint32_t map_id, struct hone_effects *out)
{
	struct hone_programs *programs = walk->session->daemon->programs;
	struct hone_program *program = hone_programs_find(programs, prog_id);
	int err;

	if (is_copy(walk->session, prog_id))
		return effects_on(&walk->session->unit, walk->analysis, map_id, out);
	if (!program || program->refused != HONE_REWRITTEN)
		return -ENOENT;
	err = hone_programs_analyse(programs, program);
	return err ? err : effects_on(&program->unit, &program->analysis, map_id, out);
}

/* What does another program do to a map? Captured ones are analysed, others cannot be trusted. */
static int ask(void *arg, uint32_t prog_id, uint32_t map_id, struct hone_effects *out)
{
	struct walk *walk = arg;
	int err = ask_known(walk, prog_id, map_id, out);

	if (err == -EINPROGRESS)
		walk->is_pending = true;
	else if (err)
		walk->has_unknown = true;
	return err;
}

/* Programs come and go (a copy that is verified, an image on its way out): one that cannot be
 * analysed counts only if it is still there after a while. true: look again later. */
static bool may_pass(struct hone_session *session, bool has_unknown)
{
	uint64_t now_ms = hone_now_ms();

	if (!has_unknown) {
		session->unknown_since_ms = 0;
		return false;
	}
	if (!session->unknown_since_ms)
		session->unknown_since_ms = now_ms;
	return now_ms - session->unknown_since_ms < UNKNOWN_PASSES_MS;
}

static bool is_read(const struct hone_session *session, const struct hone_result *analysis,
		    const struct hone_map *map)
{
	return map->is_watched ||
	       (map->class == HONE_CLASS_FIXED && is_looked_up(analysis, map->index) &&
		!is_left_alone(session, map));
}

static int read_maps(struct hone_session *session, const struct hone_result *analysis,
		     struct hone_facts *out)
{
	out->maps = calloc(session->unit.n_maps + 1, sizeof(*out->maps));
	if (!out->maps)
		return -ENOMEM;
	out->n_maps = session->unit.n_maps;
	for (uint32_t i = 0; i < out->n_maps; i++) {
		struct hone_map *map = &out->maps[i];
		int err;

		*map = session->unit.maps[i];
		map->class = class_with(map, &analysis->effects[i], &map->others);
		map->n_cpus = 1;
		if (!is_read(session, analysis, map))
			continue;
		err = hone_snapshot_take(session->maps.fd[i], session->daemon->settings.max_entries,
					 READ_LIMIT_US, map);
		if (err && err != -ENOTSUP)
			return hone_log_err(err, "map %s: cannot be read", map->name);
	}
	return 0;
}

static int refuse(struct hone_session *session, enum hone_reason reason, int err, const char *what)
{
	session->reason = reason;
	snprintf(session->detail, sizeof(session->detail), "%s: %s", what, strerror(-err));
	return err;
}

/* The unit's own analysis: 0 with *out, -EINPROGRESS, or refused. */
static int analyse_self(struct hone_session *session, const struct hone_result **out)
{
	struct hone_programs *programs = session->daemon->programs;
	struct hone_program *program = hone_programs_find(programs, session->unit.prog_id);
	int err;

	if (!program)
		return refuse(session, HONE_NO_CAPTURE, -ENOENT, session->unit.name);
	err = hone_programs_analyse(programs, program);
	if (err == -EINPROGRESS)
		return err;
	if (err)
		return refuse(session, HONE_NO_WORKER, err, "analysis");
	if (program->analysis.refused != HONE_REWRITTEN ||
	    program->analysis.n_effects != session->unit.n_maps) {
		session->reason = program->analysis.refused;
		memcpy(session->detail, program->analysis.detail, sizeof(session->detail));
		return -ENOTSUP;
	}
	*out = &program->analysis;
	return 0;
}

/* An image would not do what others have put in the place of the program, or of parts of it. */
static int look_for_extensions(struct hone_session *session)
{
	const uint32_t ids[] = {session->unit.prog_id, session->deploy.root_id};
	int64_t link;
	const char *why;

	if (hone_feature(HONE_FEATURE_FREPLACE, &why) &&
	    hone_has_global_functions(&session->unit)) {
		session->reason = HONE_NO_GLOBAL_FUNCTION;
		session->detail[0] = '\0';
		return -ENOTSUP;
	}
	link = hone_extension_find(ids, 2);
	if (link < 0)
		return refuse(session, HONE_NO_KERNEL_OBJECT, (int)link, "walk of the links");
	if (!link)
		return 0;
	session->reason = HONE_NO_EXTENDED;
	snprintf(session->detail, sizeof(session->detail), "link %lld", (long long)link);
	return -ENOTSUP;
}

static int gather_at(struct hone_session *session, const struct hone_result *analysis,
		     struct hone_facts *out)
{
	struct hone_watch *watch = session->daemon->watch;
	struct walk walk = {.session = session, .analysis = analysis};
	int err;

	if (!hone_watch_stable(watch, session->slot, &out->epoch))
		return -EAGAIN;
	err = session->level > 0 ? look_for_extensions(session) : 0;
	if (err)
		return err;
	err = hone_sharing_walk(&session->unit, is_ours, ask, &walk);
	if (walk.is_pending)
		return -EINPROGRESS;
	if (err)
		return refuse(session, HONE_NO_KERNEL_OBJECT, err, "walk of the loaded programs");
	if (may_pass(session, walk.has_unknown))
		return -EAGAIN;
	err = hone_rcu_grace();
	if (err)
		return refuse(session, HONE_NO_KERNEL_OBJECT, err, "grace period");
	err = read_maps(session, analysis, out);
	if (err)
		return refuse(session, HONE_NO_KERNEL_OBJECT, err, session->unit.name);
	err = session->level > 0 ? hone_chain_decide(session) : 0;
	if (err)
		return err;
	return hone_watch_begin(watch, session->slot) == out->epoch ? 0 : -EAGAIN;
}

int hone_facts_gather(struct hone_session *session, struct hone_facts *out)
{
	struct hone_facts facts = {0};
	const struct hone_result *analysis;
	int err = analyse_self(session, &analysis);

	if (err)
		return err;
	err = watch_maps(session, analysis);
	if (err)
		return refuse(session, HONE_NO_WATCH, err, session->unit.name);
	err = session->level > 0 ? hone_chain_watch(session) : 0;
	if (err)
		return err;
	err = gather_at(session, analysis, &facts);
	if (err) {
		hone_facts_free(&facts);
		return err;
	}
	*out = facts;
	return 0;
}

/* ---- for a file ---- */

static int read_rest(struct hone_session *session, struct hone_facts *facts)
{
	for (uint32_t i = 0; i < facts->n_maps; i++) {
		struct hone_map *map = &facts->maps[i];
		int err;

		if (map->complete)
			continue;
		err = hone_snapshot_take(session->maps.fd[i], session->daemon->settings.max_entries,
					 READ_LIMIT_US, map);
		if (err && err != -ENOTSUP)
			return refuse(session, HONE_NO_KERNEL_OBJECT, err, map->name);
	}
	return 0;
}

int hone_facts_snapshot(struct hone_session *session, struct hone_facts *out)
{
	struct hone_facts facts = {0};
	int err = hone_facts_gather(session, &facts);

	if (session->level == 0)
		hone_facts_unwatch(session);
	if (!err)
		err = read_rest(session, &facts);
	if (err) {
		hone_facts_free(&facts);
		return err;
	}
	*out = facts;
	return 0;
}
