/* SPDX-License-Identifier: Apache-2.0 */
/* object_unit: a unit for tests, straight from an ELF object: libbpf loads it, its relocated
 * instructions and map fds become a unit. The product captures instead (live/capture.h). */
#ifndef HONE_TEST_OBJECT_UNIT_H
#define HONE_TEST_OBJECT_UNIT_H

#include <bpf/libbpf.h>

#include "compiler/facts.h"
#include "runtime/live/maps.h"

struct object_unit {
	struct bpf_object *object;
	struct hone_unit unit;
	struct hone_maps maps;
	int prog_fd; /* of the object */
};

/* Loads path, takes the program (NULL: the first). Pins nothing. Returns 0 or -errno. */
int object_unit_open(const char *path, const char *prog_name, struct object_unit *out);
void object_unit_close(struct object_unit *unit);

/* The same for one program of an object that is loaded already and stays the caller's, with only
 * the maps that its instructions name. */
int object_unit_of(struct bpf_program *program, struct object_unit *out);

/* Makes a unit of instructions whose map loads hold fds (of fds[0..n_fds)). Copies them. */
int object_unit_describe(const struct bpf_insn *insns, size_t n_insns, const int *fds,
			 uint32_t n_fds, struct object_unit *out);

#endif
