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
	int btf_fd; /* that they speak of; borrowed; 0: the unit's */
};

/* ---- func_info.c ---- */

/* Records as BPF_PROG_LOAD takes them, of the unit's record size. */
struct hone_func_info {
	int btf_fd; /* -1: none are needed */
	void *records;
	uint32_t n;
};

/* hone_func_info_make() - describe the functions of instructions that were made from a unit's:
 * by the unit's BTF where they come from there and it can be read, else by types of our own.
 *
 * image: whose functions they are; NULL: the unit's own, and perhaps more behind them
 *
 * Functions of an image that the unit's BTF calls global become static: the verifier would look
 * at them alone, but what they take may have changed. Returns 0 (also where nothing needs to be
 * described) or -errno. hone_func_info_free() closes and frees. */
int hone_func_info_make(const struct hone_unit *unit, const struct bpf_insn *insns,
			uint32_t n_insns, const struct hone_image *image,
			struct hone_func_info *out);
/* hone_func_info_count() - functions in instructions: what calls and addresses name. */
uint32_t hone_func_info_count(const struct bpf_insn *insns, uint32_t n_insns);
uint32_t hone_func_info_size(const struct hone_unit *unit); /* of a record */
void hone_func_info_free(struct hone_func_info *info);

/* hone_program_load() - 0 and *out, or -errno and the end of the verifier's log. */
int hone_program_load(const struct hone_program_load *load, struct hone_loaded *out, char *log);

bool hone_insn_is_ld_imm64(const struct bpf_insn *insn);

/* hone_maps_resolve() - map indexes in insns to fds, in place. -EINVAL: no such map; logged. */
int hone_maps_resolve(const struct hone_unit *unit, const struct hone_maps *maps,
		      struct bpf_insn *insns, uint32_t n_insns);

/* hone_maps_bind() - make a program hold all maps of the unit, named or not. */
int hone_maps_bind(const struct hone_unit *unit, const struct hone_maps *maps, int prog_fd);

#endif
