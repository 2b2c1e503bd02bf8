/* SPDX-License-Identifier: Apache-2.0 */
/* program: a BPF program from a fuzzer's bytes. */
#ifndef HONE_FUZZ_PROGRAM_H
#define HONE_FUZZ_PROGRAM_H

#include "compiler/facts.h"

enum { PROGRAM_INSNS = 512, PROGRAM_MAPS = 4 };

/* What the programs' instructions name. */
extern struct hone_map program_maps[PROGRAM_MAPS];

/* program_make() - every byte string is some program, most of them legal instructions throughout.
 * insns: room for PROGRAM_INSNS. Returns how many. */
uint32_t program_make(const uint8_t *data, size_t size, struct bpf_insn *insns);

#endif
