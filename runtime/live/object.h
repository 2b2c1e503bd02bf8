/* SPDX-License-Identifier: Apache-2.0 */
/* object: the unit of a program that runs already, from the ELF object it was loaded from. */
#ifndef HONE_OBJECT_H
#define HONE_OBJECT_H

#include "compiler/facts.h"

/* hone_object_unit() - what a loader that uses libbpf gave to the kernel for the running program.
 *
 * libbpf resolves relocations, CO-RE and subprograms, against the running program's own maps, which
 * are opened read-only for it: nothing of them changes. The result was verified against the running
 * program (hone_unit_verify()).
 *
 * object:  ELF bytes; borrowed
 * program: name in the object; NULL: the running program's, or the only one
 * out:     caller frees with hone_unit_free()
 * detail:  HONE_DETAIL_LEN bytes: what differs, or is wrong
 *
 * Returns 0, -ENOENT (no such program runs), -EINVAL (not an object, or without that program),
 * -EBADMSG (not what runs), or -errno. */
int hone_object_unit(const void *object, size_t size, const char *program, uint32_t prog_id,
		     struct hone_unit *out, char *detail);

#endif
