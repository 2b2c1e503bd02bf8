/* SPDX-License-Identifier: Apache-2.0 */
/* attach_tc: replacements at tc hooks, for attach.c. In the calling thread's network namespace;
 * 0 or as hone_attach_replace(). Not logged. */
#ifndef HONE_ATTACH_TC_H
#define HONE_ATTACH_TC_H

#include "runtime/live/discover.h"

int hone_replace_cls_bpf(const struct hone_target *target, int old_fd, int new_fd);
int hone_replace_tcx(const struct hone_target *target, int old_fd, int new_fd);

#endif
