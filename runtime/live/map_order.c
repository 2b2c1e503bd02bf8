// SPDX-License-Identifier: Apache-2.0
/* map_order: fd numbers in instructions become map indexes. Pure: asks no kernel. */
#include "runtime/live/map_order.h"

#include <stdio.h>

enum { LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW };

struct fds {
	uint32_t n;
	int32_t fd[HONE_MAPS_MAX];
};

/* Index of fd, added if it is new; -1: too many. */
static int32_t find_or_add(struct fds *fds, int32_t fd)
{
	for (uint32_t i = 0; i < fds->n; i++)
		if (fds->fd[i] == fd)
			return (int32_t)i;
	if (fds->n == HONE_MAPS_MAX)
		return -1;
	fds->fd[fds->n] = fd;
	return (int32_t)fds->n++;
}

/* A constant, a callback's address, or a variable of the kernel itself: means the same to all. */
static bool is_closed(const struct bpf_insn *insn)
{
	return insn[0].src_reg == 0 || insn[0].src_reg == BPF_PSEUDO_FUNC ||
	       (insn[0].src_reg == BPF_PSEUDO_BTF_ID && insn[1].imm == 0);
}

enum hone_reason hone_map_order(struct bpf_insn *insns, uint32_t n_insns, uint32_t n_maps,
				char *detail)
{
	struct fds fds = {0};

	for (uint32_t i = 0; i < n_insns; i++) {
		int32_t index;

		if (insns[i].code != LD_IMM64)
			continue;
		if (i + 1 == n_insns ||
		    (insns[i].src_reg != BPF_PSEUDO_MAP_FD &&
		     insns[i].src_reg != BPF_PSEUDO_MAP_VALUE && !is_closed(&insns[i]))) {
			bool is_place = insns[i].src_reg == BPF_PSEUDO_MAP_IDX ||
					insns[i].src_reg == BPF_PSEUDO_MAP_IDX_VALUE;

			snprintf(detail, HONE_DETAIL_LEN, "instruction %u: reference of kind %u%s",
				 i, insns[i].src_reg,
				 is_place ? ": a map by its place in fd_array" : "");
			return HONE_NO_CAPTURE_FORM;
		}
		if (is_closed(&insns[i++]))
			continue;
		index = find_or_add(&fds, insns[i - 1].imm);
		if (index < 0 || (uint32_t)index >= n_maps) {
			snprintf(detail, HONE_DETAIL_LEN,
				 "instruction %u: the loader used more fds than the %u maps it has",
				 i - 1, n_maps);
			return HONE_NO_CAPTURE_MAPS;
		}
		insns[i - 1].imm = index;
	}
	if (fds.n == n_maps)
		return HONE_REWRITTEN;
	snprintf(detail, HONE_DETAIL_LEN, "the program holds %u maps, its instructions name %u",
		 n_maps, fds.n);
	return HONE_NO_CAPTURE_MAPS;
}
