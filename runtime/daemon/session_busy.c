// SPDX-License-Identifier: Apache-2.0
/* session_busy: maps that the control plane writes all the time (a clock, a tick).
 *
 * Under a guard such a map keeps its unit on the original for good. When a unit has found no rest
 * for a while, its watched maps are read twice; those that changed in between are left alone: not
 * watched, not read, not folded. The unit starts anew without them, and tries again with them
 * after a time that doubles until it is live with all of them once. A unit whose maps are only
 * written with what they hold already stays generic: nothing tells which of them it is. */
#include <stdlib.h>
#include <string.h>

#include "runtime/common/log.h"
#include "runtime/daemon/session_steps.h"
#include "runtime/live/snapshot.h"

enum {
	RESTLESS_MS = 5000, /* without a valid image, though nothing but writes is in the way */
	SAMPLE_GAP_MS = 250,
	LEFT_ALONE_MIN_MS = 5000,
	LEFT_ALONE_MAX_MS = 3600000,
	READ_LIMIT_US = 200000,
};

/* Copies of what is watched, with no regard to epochs. */
static int sample(const struct hone_session *session, struct hone_facts *out)
{
	*out = (struct hone_facts){.maps = calloc(session->unit.n_maps + 1, sizeof(*out->maps))};
	if (!out->maps)
		return -1;
	out->n_maps = session->unit.n_maps;
	for (uint32_t i = 0; i < out->n_maps; i++) {
		out->maps[i] = session->unit.maps[i];
		if (out->maps[i].is_watched)
			hone_snapshot_take(session->maps.fd[i],
					   session->daemon->settings.max_entries, READ_LIMIT_US,
					   &out->maps[i]);
	}
	return 0;
}

/* Does an entry hold other bits than `was` (NULL: zeros), apart from those that programs change? */
static bool is_entry_changed(const struct hone_map *map, const struct hone_effects *programs,
			     const uint8_t *was, const uint8_t *is)
{
	uint32_t stride = hone_map_value_stride(map);

	for (uint32_t at = 0; at < map->n_cpus * stride; at++) {
		uint8_t differs = (uint8_t)((was ? was[at] : 0) ^ is[at]);

		if (differs & ~hone_effects_changed(programs, at % stride))
			return true;
	}
	return false;
}

/* Both are sorted by key. In an array, an entry that is not there holds zeros. */
static bool is_map_changed(const struct hone_effects *programs, const struct hone_map *was,
			   const struct hone_map *is)
{
	uint32_t i = 0, j = 0;

	if (was->complete != is->complete || was->n_cpus != is->n_cpus)
		return true;
	while (i < was->n_entries || j < is->n_entries) {
		int order = i == was->n_entries ? 1
			    : j == is->n_entries
				    ? -1
				    : memcmp(was->keys + (size_t)i * was->key_size,
					     is->keys + (size_t)j * is->key_size, is->key_size);

		if (order && !hone_map_is_array(is->type))
			return true;
		if (order < 0 ? is_entry_changed(was, programs, NULL, hone_map_value(was, i, 0))
			      : is_entry_changed(is, programs,
						 order ? NULL : hone_map_value(was, i, 0),
						 hone_map_value(is, j, 0)))
			return true;
		i += order <= 0;
		j += order >= 0;
	}
	return false;
}

/* By the control plane: what programs change in values does not count. */
static uint64_t changed_maps(const struct hone_session *session, const struct hone_facts *was,
			     const struct hone_facts *is)
{
	const struct hone_program *program =
		hone_programs_find(session->daemon->programs, session->unit.prog_id);
	uint64_t maps = 0;

	for (uint32_t i = 0; i < is->n_maps && program; i++) {
		struct hone_effects programs = is->maps[i].others;

		if (!is->maps[i].is_watched || !was->maps[i].is_watched ||
		    i >= program->analysis.n_effects)
			continue;
		hone_effects_join(&programs, &program->analysis.effects[i]);
		if (is_map_changed(&programs, &was->maps[i], &is->maps[i]))
			maps |= UINT64_C(1) << i;
	}
	return maps;
}

static void leave_alone(struct hone_session *session, uint64_t maps)
{
	for (uint32_t i = 0; i < session->unit.n_maps; i++)
		if (maps & (UINT64_C(1) << i))
			hone_log_info("%s: map %s is written all the time: left alone",
				      session->target.name, session->unit.maps[i].name);
	session->busy_maps |= maps;
	session->busy_for_ms = session->busy_for_ms ? 2 * session->busy_for_ms : LEFT_ALONE_MIN_MS;
	if (session->busy_for_ms > LEFT_ALONE_MAX_MS)
		session->busy_for_ms = LEFT_ALONE_MAX_MS;
	session->busy_until_ms = hone_now_ms() + session->busy_for_ms;
}

void hone_busy_rest(struct hone_session *session)
{
	session->restless_since_ms = 0;
	hone_facts_free(&session->sample);
}

void hone_busy_live(struct hone_session *session)
{
	hone_busy_rest(session);
	if (!session->busy_maps)
		session->busy_for_ms = 0;
}

bool hone_busy_find(struct hone_session *session)
{
	uint64_t now_ms = hone_now_ms();
	struct hone_facts now;
	uint64_t maps;

	if (!session->restless_since_ms)
		session->restless_since_ms = now_ms;
	if (now_ms - session->restless_since_ms < RESTLESS_MS)
		return false;
	if (session->sample.maps && now_ms - session->sampled_ms < SAMPLE_GAP_MS)
		return false;
	if (sample(session, &now))
		return false;

	maps = session->sample.maps ? changed_maps(session, &session->sample, &now) : 0;
	hone_facts_free(&session->sample);
	session->sample = now;
	session->sampled_ms = now_ms;
	if (!maps)
		return false;
	leave_alone(session, maps);
	hone_busy_rest(session);
	return true;
}

bool hone_busy_is_over(const struct hone_session *session)
{
	return session->busy_maps && hone_now_ms() >= session->busy_until_ms;
}
