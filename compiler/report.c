// SPDX-License-Identifier: Apache-2.0
/* report: the sites of a unit as they are without any pass: what hone sees at level 0, and what
 * the passes' runner starts from. */
#include <stdlib.h>

#include "compiler/compiler.h"

/* The only map that a site can ask; -1: none, or several. */
static int32_t only_map(const struct hone_site *site)
{
	bool is_one = site->maps && !(site->maps & (site->maps - 1));

	return is_one ? __builtin_ctzll(site->maps) : -1;
}

enum hone_class hone_class_with(const struct hone_map *map, const struct hone_effects *own)
{
	struct hone_effects all = map->others;
	enum hone_class class;

	hone_effects_join(&all, own);
	class = hone_class_of(map, &all);
	return class > map->class ? class : map->class;
}

static void report_map(const struct hone_unit *unit, const struct hone_analysis *analysis,
		       struct hone_site_report *out)
{
	const struct hone_map *map = &unit->maps[out->map];

	out->class = hone_class_with(map, &analysis->effects[out->map]);
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
			.key_is_known = site->key_is_known,
			.key = site->key_is_known ? site->key : 0,
		};
		if (out->sites[i].map >= 0)
			report_map(unit, analysis, &out->sites[i]);
		else
			out->sites[i].reason = HONE_NO_ONE_MAP;
	}
}
