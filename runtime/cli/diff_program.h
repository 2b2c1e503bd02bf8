/* SPDX-License-Identifier: Apache-2.0 */
/* diff_program: what `hone diff` calls A or B: a program with its instructions and maps. */
#ifndef HONE_DIFF_PROGRAM_H
#define HONE_DIFF_PROGRAM_H

#include <bpf/libbpf.h>

#include "runtime/cli/command.h"
#include "runtime/live/maps.h"

struct hone_diff_program {
	const char *text;	   /* as the operator wrote it */
	struct bpf_object *object; /* that we loaded; NULL: it ran already */
	struct hone_unit unit;
	struct hone_maps maps;
};

/* hone_diff_program_open() - id:N, path of a pin, or FILE.o[:PROGRAM]. An object's program is
 * loaded, on maps of its own; of the others only what was captured can be copied. Returns
 * HONE_EXIT_OK, or another code, said. Close in any case. */
enum hone_exit hone_diff_program_open(const struct hone_cli *cli, const char *text,
				      struct hone_diff_program *out);
void hone_diff_program_close(struct hone_diff_program *program);

/* hone_diff_program_fill() - what a snapshot's maps held into those of the same name and shape.
 * Only of objects that we loaded. Returns HONE_EXIT_OK, or another code, said. */
enum hone_exit hone_diff_program_fill(const struct hone_cli *cli,
				      const struct hone_diff_program *program,
				      const struct hone_unit *snapshot);

#endif
