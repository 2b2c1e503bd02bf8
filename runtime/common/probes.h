/* SPDX-License-Identifier: Apache-2.0 */
/* probes: one function per row of features.def, which does the thing and takes it back. */
#ifndef HONE_PROBES_H
#define HONE_PROBES_H

/* Returns 0, or -errno with *stage naming what failed (static text). */
typedef int hone_probe_fn(const char **stage);

#define FEATURE(id, what, needed) hone_probe_fn probe_##id;
#include "runtime/common/features.def"
#undef FEATURE

#endif
