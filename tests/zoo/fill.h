/* SPDX-License-Identifier: Apache-2.0 */
/* fill: contents for the maps of an object, from types and sizes alone, always the same: keys that
 * the packets of deploy/packets.h carry (they take theirs from the maps), small values. */
#ifndef HONE_ZOO_FILL_H
#define HONE_ZOO_FILL_H

#include <bpf/libbpf.h>

/* zoo_fill() - every map of a loaded object that bpf(2) may write and that its author left empty.
 * .rodata and maps that programs only read stay; .data, .bss stay as their author wrote them.
 * Returns 0 or -errno. */
int zoo_fill(const struct bpf_object *object);

#endif
