/* SPDX-License-Identifier: Apache-2.0 */
/* pass: all that a pass may see and do.
 *
 * A pass is asked once for each site that an earlier pass has not rewritten. It reads facts,
 * refuses with a reason, or assumes (with enforcement) and replaces the site's call with one
 * stub. The runner (runner.c) owns the loop, timing, report and checks `needs` first. */
#ifndef HONE_PASS_H
#define HONE_PASS_H

#include "compiler/analysis.h"
#include "compiler/facts.h"

struct hone_pass_ctx;

/* What the runner checks before a pass is asked (a refusal is reported for it). */
enum hone_pass_needs {
	NEEDS_ONE_MAP = 1 << 0, /* the site can ask exactly one map: NO_ONE_MAP */
	/* a complete snapshot: NO_SNAPSHOT_PARTIAL; of a map that cannot change, or is watched:
	 * NO_NOT_WATCHED; and that user space cannot write by mmap: NO_MAP_MMAPABLE */
	NEEDS_SNAPSHOT = 1 << 1,
};

struct hone_pass {
	const char *name;
	unsigned int level;
	enum hone_site_kind kind;
	unsigned int needs;
	const char *what;
	enum hone_reason (*run)(struct hone_pass_ctx *cx, const struct hone_site *site);
};

#define PASS(name, level, kind, needs, what)                                                       \
	enum hone_reason hone_pass_##name(struct hone_pass_ctx *cx, const struct hone_site *site);
#include "passes/passes.def"
#undef PASS

/* ---- facts ---- */

/* The site's only map (NEEDS_ONE_MAP). */
const struct hone_map *hone_site_map(const struct hone_pass_ctx *cx, const struct hone_site *site);
const struct hone_policy *hone_policy(const struct hone_pass_ctx *cx);

/* What all programs together, the unit included, may change in the map. */
const struct hone_effects *hone_map_effects(const struct hone_pass_ctx *cx,
					    const struct hone_map *map);

/* ---- decisions ---- */

/* hone_assume() - record what the image now depends on. HONE_UNENFORCED is our bug: asserts. */
void hone_assume(struct hone_pass_ctx *cx, const struct hone_assumption *assumption);

/* ---- tables (tables.c): bytes in the image's own map; sharing equal tables is theirs ----
 * Return 0 and a handle, or -E2BIG when the policy's max_table_bytes would be exceeded. */

/* A set of keys: exact, full compare. */
int hone_table_key_set(struct hone_pass_ctx *cx, const struct hone_map *map, uint32_t *table);
/* One bit per array index: has any CPU's word at `offset` any of `bits`? */
int hone_table_bitmap(struct hone_pass_ctx *cx, const struct hone_map *map, uint32_t offset,
		      uint64_t bits, uint32_t *table);

/* ---- stubs (stub.c): each replaces the site's call ---- */

/* NULL. */
void hone_stub_null(struct hone_pass_ctx *cx, const struct hone_site *site);
/* The address of `size` constant bytes: loads from it fold; the program must not store to it.
 *
 * bytes: borrowed; NULL: zeros
 *
 * Returns 0, or -E2BIG: what does not fold needs room in the image's map. */
int hone_stub_const(struct hone_pass_ctx *cx, const struct hone_site *site, const void *bytes,
		    size_t size);
/* NULL when the key is not in the set, else the real lookup. */
void hone_stub_key_filter(struct hone_pass_ctx *cx, const struct hone_site *site, uint32_t table);
/* When the index's bit is clear (or table is HONE_TABLE_NONE: none is set), the site's loads
 * (site->loads) give zero and the pointer is non-null; else the real lookup. Out-of-range
 * indexes give what the map gives: NULL.
 *
 * Returns 0, or -ENOENT with nothing changed when the module marks other loads than the site. */
int hone_stub_value_bits(struct hone_pass_ctx *cx, const struct hone_site *site, uint32_t table);

#define HONE_TABLE_NONE UINT32_MAX

#endif
