// SPDX-License-Identifier: Apache-2.0
/* report: the sites of a unit of which no image is built: what hone sees at level 0. Where passes
 * ran, their runner writes the report. */
#include <stdlib.h>

#include "compiler/compiler.h"

/* The only map that a site can ask; -1: none, or several. */
static int32_t only_map(const struct hone_site *site)
{
	bool is_one = site->maps && !(site->maps & (site->maps - 1));

	return is_one ? __builtin_ctzll(site->maps) : -1;
}

static void report_map(const struct hone_unit *unit, const struct hone_analysis *analysis,
		       struct hone_site_report *out)
{
	const struct hone_map *map = &unit->maps[out->map];
	struct hone_effects all = map->others;

	hone_effects_join(&all, &analysis->effects[out->map]);
	out->class = hone_class_of(map, &all);
	out->n_entries = map->n_entries;
}

void hone_report_sites(const struct hone_unit *unit, const struct hone_analysis *analysis,
		       struct hone_result *out)
{
	out->sites = calloc(analysis->n_sites ? analysis->n_sites : 1, sizeof(*out->sites));
	if (!out->sites)
		abort(); /* as the arena does */

	out->n_sites = analysis->n_sites;
	for (uint32_t i = 0; i < analysis->n_sites; i++) {
		const struct hone_site *site = &analysis->sites[i];

		out->sites[i] = (struct hone_site_report){
			.id = site->id,
			.insn = site->insn,
			.map = only_map(site),
			.kind = site->kind,
			.class = HONE_CLASS_LIVE,
			.reason = HONE_NO_LEVEL,
		};
		if (out->sites[i].map >= 0)
			report_map(unit, analysis, &out->sites[i]);
		else
			out->sites[i].reason = HONE_NO_ONE_MAP;
	}
}
