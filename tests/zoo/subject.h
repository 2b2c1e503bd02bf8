/* SPDX-License-Identifier: Apache-2.0 */
/* subject: one program of an object file, in the kernel, with filled maps. */
#ifndef HONE_ZOO_SUBJECT_H
#define HONE_ZOO_SUBJECT_H

#include <bpf/libbpf.h>

#include "tests/tools/object_unit.h"

/* zoo_subject_open() - load the program (with its siblings where the object has a PROG_ARRAY for
 * them), fill the object's maps, make its unit. Pins nothing; the caller closes out with
 * object_unit_close(). Returns 0 or -errno: the original does not load here. */
int zoo_subject_open(const char *path, const char *program, struct object_unit *out);

/* zoo_programs_each() - calls visit for each program of the file, with its name. Returns 0, what
 * visit returned if not 0, or -errno. */
int zoo_programs_each(const char *path, int (*visit)(const char *path, const char *name, void *arg),
		      void *arg);

#endif
