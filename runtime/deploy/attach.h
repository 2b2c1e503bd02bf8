/* SPDX-License-Identifier: Apache-2.0 */
/* attach: replace the program at an attach point, always naming the one that must be there. */
#ifndef HONE_ATTACH_H
#define HONE_ATTACH_H

#include "runtime/live/discover.h"

/* hone_attach_replace() - old_fd → new_fd at target (an ops table by target->kind).
 *
 * Returns 0, -EBUSY (another program is there now), -ENODEV (the interface is gone), -ENOENT
 * (the link, the filter or its program is gone), or -errno. No packet is lost. Of all kinds only
 * HONE_ATTACH_CLS_BPF cannot do it in one step (attach_tc.c). */
int hone_attach_replace(int netns_fd, const struct hone_target *target, int old_fd, int new_fd);

#endif
