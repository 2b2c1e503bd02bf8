// SPDX-License-Identifier: Apache-2.0
/* report_print: what was done about each site, as one line of JSON for a reader at a terminal.
 *
 * For honec's --report. The worker's answer is result_json.c's, with indexes for names. */
#include <assert.h>
#include <errno.h>
#include <jansson.h>

#include "compiler/compiler.h"

static const char *map_name(const struct hone_unit *unit, int64_t index)
{
	return index < 0 ? "" : unit->maps[index].name;
}

static json_t *from_site(const struct hone_unit *unit, const struct hone_site_report *site)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I}", "id", (int)site->id, "map",
			 map_name(unit, site->map), "kind", hone_site_kind_name(site->kind),
			 "class", hone_class_name(site->class), "action", site->action, "reason",
			 hone_reason_id(site->reason), "entries", (json_int_t)site->n_entries);
}

static const char *const assume_names[] = {
	[HONE_ASSUME_NO_KEYS] = "no_keys",
	[HONE_ASSUME_KEYS] = "keys",
	[HONE_ASSUME_VALUES] = "values",
	[HONE_ASSUME_VALUE_BITS] = "value_bits",
};
static_assert(sizeof(assume_names) / sizeof(assume_names[0]) == HONE_ASSUME_N,
	      "assumption without name");

static json_t *from_assumption(const struct hone_unit *unit, const struct hone_assumption *row)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "kind", assume_names[row->kind], "map",
			 map_name(unit, row->map), "site", (int)row->site, "effect",
			 row->effect == HONE_DATA_LEVEL ? "data" : "code", "enforcement",
			 hone_enforcement_name(row->enforcement));
}

int hone_report_print(FILE *out, const struct hone_unit *unit, const struct hone_result *result)
{
	json_t *sites = json_array();
	json_t *assumptions = json_array();
	json_t *report;
	int err;

	for (uint32_t i = 0; i < result->n_sites; i++)
		json_array_append_new(sites, from_site(unit, &result->sites[i]));
	for (uint32_t i = 0; i < result->image.n_assumptions; i++)
		json_array_append_new(assumptions,
				      from_assumption(unit, &result->image.assumptions[i]));
	report = json_pack("{s:o, s:o, s:I}", "sites", sites, "assumptions", assumptions,
			   "table_bytes", (json_int_t)result->image.table_bytes);
	if (!report)
		return -ENOMEM;

	err = json_dumpf(report, out, JSON_COMPACT) || fputc('\n', out) == EOF ? -EIO : 0;
	json_decref(report);
	return err;
}
