/* SPDX-License-Identifier: Apache-2.0 */
/* load_program: what load.c, root.c and measure.c share. Not a contract of the layer. */
#ifndef HONE_LOAD_PROGRAM_H
#define HONE_LOAD_PROGRAM_H

#include "runtime/deploy/load.h"

/* Instructions that are ready for the kernel; the unit gives name, licence, type, flags, BTF. */
struct hone_program_load {
	const struct hone_unit *unit;
	const struct bpf_insn *insns;
	uint32_t n_insns;
	const void *func_info; /* records of unit->func_info_rec_size; NULL: none */
	uint32_t n_func_info;
	const void *line_info; /* records of unit->line_info_rec_size; NULL: none */
	uint32_t n_line_info;
};

/* hone_program_load() - 0 and *out, or -errno and the end of the verifier's log. */
int hone_program_load(const struct hone_program_load *load, struct hone_loaded *out, char *log);

bool hone_insn_is_ld_imm64(const struct bpf_insn *insn);

/* hone_maps_resolve() - map indexes in insns to fds, in place. -EINVAL: no such map; logged. */
int hone_maps_resolve(const struct hone_unit *unit, const struct hone_maps *maps,
		      struct bpf_insn *insns, uint32_t n_insns);

/* hone_maps_bind() - make a program hold all maps of the unit, named or not. */
int hone_maps_bind(const struct hone_unit *unit, const struct hone_maps *maps, int prog_fd);

#endif
