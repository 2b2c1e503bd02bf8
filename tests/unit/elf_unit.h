/* SPDX-License-Identifier: Apache-2.0 */
/* elf_unit: a unit from an ELF object without a kernel, for tests of analyses. Objects of one
 * program per section, whose only relocations are maps. */
#ifndef HONE_TEST_ELF_UNIT_H
#define HONE_TEST_ELF_UNIT_H

#include "compiler/facts.h"

/* elf_unit_read() - the object's first program. Returns 0, -ENOENT (no such file), -ENOTSUP
 * (other relocations), or -errno. The caller frees with hone_unit_free(). */
int elf_unit_read(const char *path, struct hone_unit *out);

/* The map's index; fails the test where there is none. */
uint32_t elf_unit_map(const struct hone_unit *unit, const char *name);

#endif
