/* SPDX-License-Identifier: Apache-2.0 */
/* kfuncs: signatures of the kernel functions that a unit calls, for a compiler that knows no
 * kernel. */
#ifndef HONE_KFUNCS_H
#define HONE_KFUNCS_H

#include "compiler/facts.h"

/* hone_kfuncs_describe() - fill unit->kfuncs, which are none before, from the running kernel's BTF:
 * one for each function of vmlinux that the instructions name. Those that are not found, and
 * those of modules, are left out: the compiler refuses units that call them.
 *
 * Reads the kernel's BTF (some 6 MB) where there is any such call, and only there.
 *
 * Returns 0, -ENOMEM, or -errno of reading the BTF. */
int hone_kfuncs_describe(struct hone_unit *unit);

#endif
