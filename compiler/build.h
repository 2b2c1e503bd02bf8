/* SPDX-License-Identifier: Apache-2.0 */
/* build: honec --build, the compiler without a kernel: a file in, a file and a report out. */
#ifndef HONE_BUILD_H
#define HONE_BUILD_H

#include <jansson.h>

#include "compiler/object.h"

/* hone_build_main() - honec --build IN [-o OUT] [--level N] [--facts F] [--program NAME]
 *                     [-- CLANG-ARGUMENT…]
 *
 * IN is an object, or C source if its name ends with .c. Without -o nothing is written. The report
 * goes to stdout:
 *
 *   {"refused","detail","programs":[{"section","line","unit":{…},"result":{…}}],"maps":[…],
 *    "diagnostics":[{"file","line","column","severity","message"}]}
 *
 * with unit and result as facts_json.c has them; `line` is 0 for an object. Returns an exit code.
 */
int hone_build_main(int argc, char **argv);

/* ---- source.c ---- */

/* hone_source_compile() - C source to an object, with clang.
 *
 * args:   the user's -I, -D …; NULL-terminated
 * report: gets "diagnostics", "programs" [{"name","section","line"}] and "maps" [{"name","line"}]
 *
 * Returns 0 with *bytes in the arena, or -EINVAL with NO_SOURCE. */
int hone_source_compile(struct hone_arena *arena, const char *path, char *const *args,
			json_t *report, const uint8_t **bytes, size_t *size,
			struct hone_refusal *why);

#endif
