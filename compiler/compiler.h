/* SPDX-License-Identifier: Apache-2.0 */
/* compiler: the stages between a unit and an image, grouped by file. compile.c is the story.
 * Only this folder and passes/ know LLVM; what needs its types is in ir.h. */
#ifndef HONE_COMPILER_H
#define HONE_COMPILER_H

#include <stdio.h>

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
/* hone_class_with() - the map's class with the unit's own effects counted: never better than what
 * the facts say. */
enum hone_class hone_class_with(const struct hone_map *map, const struct hone_effects *own);

/* ---- report_print.c ---- */

/* hone_report_print() - sites and assumptions as one line of JSON, maps by name.
 * Returns 0, -ENOMEM or -EIO. */
int hone_report_print(FILE *out, const struct hone_unit *unit, const struct hone_result *result);

/* ---- golden.c ---- */

/* hone_golden_main() - honec -S|--report: passes on LLVM IR written by hand. Returns an exit code.
 */
int hone_golden_main(int argc, char **argv);

/* ---- emit.c, relocate.c: see ir.h for what goes in ----
 * Object symbols that become relocations (HONE_RELOC_*):
 *   map_N      handle of map N            mapval_N   value of map N
 *   hone_table the image's own map        hone_guard the unit's guard slot
 *   hone_slots the unit's PROG_ARRAY      hone_counts its counters
 * and functions, which are resolved: the image's own, and kfunc_N, the kernel's of BTF id N */

/* Names of its functions: the program's, and those of others with where they started. */
#define HONE_FUNCTION_MAIN "hone_image"
#define HONE_FUNCTION_OTHER "function_%u"

/* hone_relocate() - a BPF ELF object in memory to instructions, functions and relocations.
 * Returns 0, or -EINVAL with *why (unexpected section, symbol or relocation). */
int hone_relocate(const void *object, size_t size, struct hone_image *out,
		  struct hone_refusal *why);

/* ---- lines.c ---- */

/* hone_lines_read() - fill image->lines, which are none before, from the content of .BTF.ext; the
 * image's instructions are complete. Where that is not as expected, there are none afterwards. */
void hone_lines_read(const void *ext, size_t size, struct hone_image *image);

#endif
