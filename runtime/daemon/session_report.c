// SPDX-License-Identifier: Apache-2.0
/* session_report: a session as `hone status -j` and `hone explain -j` show it. Changes nothing. */
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/sys.h"
#include "runtime/daemon/session.h"

static const char *const attach_names[] = {
	[HONE_ATTACH_NETLINK_DRV] = "xdp native",
	[HONE_ATTACH_NETLINK_SKB] = "xdp generic",
	[HONE_ATTACH_LINK] = "xdp link",
	[HONE_ATTACH_CLS_BPF] = "tc",
	[HONE_ATTACH_TCX] = "tcx",
	[HONE_ATTACH_TCX_LINK] = "tcx link",
};
_Static_assert(sizeof(attach_names) / sizeof(attach_names[0]) == HONE_ATTACH_N,
	       "a new attach kind needs a name");

/* What the verifier walked of a program; null: it is gone. */
static json_t *verified_json(uint32_t id)
{
	struct bpf_prog_info info;

	return hone_prog_info_by_id(id, &info) ? json_null() : json_integer(info.verified_insns);
}

static json_t *program_json(uint32_t id, const uint8_t tag[BPF_TAG_SIZE], uint32_t n_insns)
{
	char text[2 * BPF_TAG_SIZE + 1];

	for (size_t i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", tag[i]);
	return json_pack("{s:I,s:s,s:I,s:o}", "id", (json_int_t)id, "tag", text, "insns",
			 (json_int_t)n_insns, "verified", verified_json(id));
}

static json_t *guard_json(const struct hone_session *session)
{
	const struct hone_watch *watch = session->daemon->watch;
	uint64_t begin = hone_watch_begin(watch, session->slot);
	uint64_t expected = HONE_EPOCH_NEVER;

	if (!session->live.exists || hone_expected_get(session->deploy.table_fd, &expected))
		return json_null();
	return json_pack("{s:I,s:I,s:I,s:b}", "begin", (json_int_t)begin, "end",
			 (json_int_t)hone_watch_end(watch, session->slot), "expected",
			 (json_int_t)expected, "valid", begin == expected);
}

static json_t *gain_json(const struct hone_gate_result *gate)
{
	if (gate->pairs == 0)
		return json_null();
	return json_pack("{s:f,s:f,s:f,s:f,s:f,s:I}", "generic_ns", gate->generic_ns,
			 "specialized_ns", gate->specialized_ns, "ratio", gate->ratio, "net_ratio",
			 gate->net_ratio, "noise", gate->noise, "pairs", (json_int_t)gate->pairs);
}

static json_t *counts_json(const struct hone_session *session)
{
	uint64_t counts[HONE_COUNT_N];

	if (session->deploy.counts_fd < 0 || hone_counts_read(session->deploy.counts_fd, counts))
		return json_null();
	return json_pack("{s:I,s:I}", "image", (json_int_t)counts[HONE_COUNT_IMAGE], "fallback",
			 (json_int_t)counts[HONE_COUNT_FALLBACK]);
}

/* Nothing more happens by itself: whoever waits for an outcome has it. */
static bool is_settled(const struct hone_session *session)
{
	switch (session->state) {
	case HONE_STATE_LIVE:
	case HONE_STATE_PAUSED:
		return true;
	case HONE_STATE_REFUSED:
	case HONE_STATE_GENERIC:
		return session->reason != HONE_REWRITTEN;
	case HONE_STATE_OBSERVING:
		return session->explained || session->reason != HONE_REWRITTEN;
	default:
		return false;
	}
}

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* A detail can hold bytes of a verifier's log: JSON wants UTF-8. */
static json_t *detail_json(const char *text)
{
	char plain[HONE_DETAIL_LEN];

	snprintf(plain, sizeof(plain), "%s", text);
	for (char *p = plain; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(plain);
}

static void put_reason(json_t *json, const struct hone_session *session)
{
	bool is_refused = session->reason != HONE_REWRITTEN;

	put(json, "reason", json_string(is_refused ? hone_reason_id(session->reason) : ""));
	put(json, "message", json_string(is_refused ? hone_reason_text(session->reason) : ""));
	put(json, "detail", detail_json(session->detail));
	put(json, "advice", json_string(is_refused ? hone_reason_advice(session->reason) : ""));
	put(json, "note",
	    json_string(session->level == 3 ? "level 3 behaves as level 2 so far" : ""));
}

/* Maps that are written all the time. */
static json_t *left_alone_json(const struct hone_session *session)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < session->unit.n_maps; i++)
		if (session->busy_maps & (UINT64_C(1) << i))
			json_array_append_new(names, json_string(session->unit.maps[i].name));
	return names;
}

json_t *hone_session_status(const struct hone_session *session)
{
	const struct hone_generation *live = &session->live;
	json_t *json = json_object();

	put(json, "target", json_string(session->target.name));
	put(json, "attach", json_string(attach_names[session->target.kind]));
	put(json, "level", json_integer(session->level));
	put(json, "state", json_string(hone_state_name(session->state)));
	put(json, "settled", json_boolean(is_settled(session)));
	put(json, "generation", json_integer(session->generation));
	put_reason(json, session);
	put(json, "program", json_string(session->unit.name));
	put(json, "original",
	    program_json(session->unit.prog_id, session->unit.tag, session->unit.n_insns));
	put(json, "specialized",
	    live->exists ? program_json(live->prog_id, live->tag, live->n_insns) : json_null());
	put(json, "guard", guard_json(session));
	put(json, "gain", gain_json(live->exists ? &live->gate : &session->gated));
	put(json, "counts", counts_json(session));
	put(json, "ifindex", json_integer(session->target.ifindex));
	put(json, "netns", json_integer((json_int_t)session->target.netns));
	put(json, "left_alone", left_alone_json(session));
	put(json, "compiles", json_integer(session->n_compiles));
	put(json, "swaps", json_integer(session->n_swaps));
	put(json, "republished", json_integer(session->n_republished));
	return json;
}

/* ---- explain ---- */

static json_t *site_json(const struct hone_site_report *site, const struct hone_unit *unit,
			 bool is_would_be)
{
	const char *map = site->map >= 0 && (uint32_t)site->map < unit->n_maps
				  ? unit->maps[site->map].name
				  : "";
	bool is_folded = site->action[0] != '\0';
	enum hone_reason reason = is_folded ? HONE_REWRITTEN : site->reason;
	json_t *json = json_object();
	char where[32];

	if (is_would_be && is_folded)
		reason = HONE_NO_LEVEL;
	snprintf(where, sizeof(where), "insn %u", site->insn);
	put(json, "id", json_integer(site->id));
	put(json, "map", json_string(map));
	put(json, "kind", json_string(hone_site_kind_name(site->kind)));
	put(json, "class", json_string(hone_class_name(site->class)));
	put(json, "action", json_string(is_would_be ? "" : site->action));
	put(json, "reason", json_string(reason == HONE_REWRITTEN ? "" : hone_reason_id(reason)));
	put(json, "entries", json_integer(site->n_entries));
	put(json, "where", json_string(where));
	put(json, "message", json_string(reason == HONE_REWRITTEN ? "" : hone_reason_text(reason)));
	if (is_would_be)
		put(json, "would", json_string(site->action));
	return json;
}

json_t *hone_result_explain(const struct hone_result *result, const struct hone_unit *unit,
			    bool is_would_be)
{
	json_t *sites = json_array(), *passes = json_array();

	for (uint32_t i = 0; i < result->n_sites; i++)
		json_array_append_new(sites, site_json(&result->sites[i], unit, is_would_be));
	for (uint32_t i = 0; i < result->n_passes; i++)
		json_array_append_new(passes, json_pack("{s:s,s:I,s:f}", "name",
							result->passes[i].name, "rewritten",
							(json_int_t)result->passes[i].n_rewritten,
							"ms", result->passes[i].ms));
	return json_pack("{s:o,s:o,s:{s:f,s:f,s:f}}", "sites", sites, "passes", passes, "times_ms",
			 "lift", result->lift_ms, "optimize", result->optimize_ms, "emit",
			 result->emit_ms);
}
