// SPDX-License-Identifier: Apache-2.0
/* session_busy: maps that the control plane writes all the time (a clock, a tick).
 *
 * Under a guard such a map keeps its unit on the original for good. When a unit has found no rest
 * for a while, its watched maps are read twice; those that changed in between are left alone: not
 * watched, not read, not folded. The unit starts anew without them, and tries again with them
 * after a time that doubles. A unit whose maps are only written with what they hold already stays
 * generic: nothing tells which of them it is. */
#include <stdlib.h>

#include "runtime/common/log.h"
#include "runtime/daemon/session_steps.h"
#include "runtime/live/snapshot.h"

enum {
	RESTLESS_MS = 5000, /* without a valid image, though nothing but writes is in the way */
	SAMPLE_GAP_MS = 250,
	LEFT_ALONE_MIN_MS = 60000,
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

static uint64_t changed_maps(const struct hone_facts *was, const struct hone_facts *is)
{
	uint64_t maps = 0;

	for (uint32_t i = 0; i < is->n_maps; i++)
		if (is->maps[i].is_watched && was->maps[i].is_watched &&
		    !hone_map_same_content(&was->maps[i], &is->maps[i]))
			maps |= UINT64_C(1) << i;
	return maps;
}

static void leave_alone(struct hone_session *session, uint64_t maps)
{
	for (uint32_t i = 0; i < session->unit.n_maps; i++)
		if (maps & (UINT64_C(1) << i))
			hone_log_info("%s: map %s is written all the time: left alone",
				      session->target.ifname, session->unit.maps[i].name);
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

	maps = session->sample.maps ? changed_maps(&session->sample, &now) : 0;
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
