/* SPDX-License-Identifier: Apache-2.0 */
/* compiler: the stages between a unit and an image, grouped by file. compile.c is the story.
 * Only this folder and passes/ know LLVM; what needs its types is in ir.h. */
#ifndef HONE_COMPILER_H
#define HONE_COMPILER_H

#include "compiler/analysis.h"
#include "compiler/arena.h"
#include "compiler/facts.h"

/* ---- compile.c ---- */

/* hone_compile() - a request to a result, deterministically: same request, same bytes.
 *
 * request: borrowed
 * out:     filled always; a refusal is a result. Freed with hone_result_free().
 *
 * May end the process (LLVM does): the caller is a worker. */
void hone_compile(const struct hone_request *request, struct hone_result *out);

/* ---- report.c ---- */

/* hone_report_sites() - fill out->sites for a unit of which no image is built. */
void hone_report_sites(const struct hone_unit *unit, const struct hone_analysis *analysis,
		       struct hone_result *out);

/* ---- emit.c, relocate.c: see ir.h for what goes in ----
 * Object symbols that become relocations (HONE_RELOC_*):
 *   map_N      handle of map N            mapval_N   value of map N
 *   hone_table the image's own map        hone_guard the unit's guard slot
 *   hone_slots the unit's PROG_ARRAY      hone_counts its counters */

/* hone_relocate() - a BPF ELF object in memory to instructions and relocations.
 * Returns 0, or -EINVAL with *why (unexpected section, symbol or relocation). */
int hone_relocate(const void *object, size_t size, struct hone_image *out,
		  struct hone_refusal *why);

#endif
