/* SPDX-License-Identifier: Apache-2.0 */
/* map_order: which map each instruction of a captured program means. */
#ifndef HONE_MAP_ORDER_H
#define HONE_MAP_ORDER_H

#include "compiler/facts.h"

/* hone_map_order() - turn the loader's fd numbers into indexes of the kernel's map list.
 *
 * The kernel's list is in the order of first use in the instructions, each map once. So when
 * there are as many different numbers as maps, the n-th new number is the n-th map; when there
 * are more, some map had two fds, and which one cannot be told.
 *
 * insns:  changed in place; half changed when refused
 * n_maps: length of the kernel's list when the load was done
 * detail: filled when refused (HONE_DETAIL_LEN)
 *
 * Returns HONE_REWRITTEN, HONE_NO_CAPTURE_MAPS, or HONE_NO_CAPTURE_FORM (a reference that is
 * neither a map fd nor closed in itself).
 * Source: kernel/bpf/verifier.c resolve_pseudo_ldimm64(), add_used_map(). */
enum hone_reason hone_map_order(struct bpf_insn *insns, uint32_t n_insns, uint32_t n_maps,
				char *detail);

#endif
