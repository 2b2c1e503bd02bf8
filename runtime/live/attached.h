/* SPDX-License-Identifier: Apache-2.0 */
/* attached: what is at one hook of an interface; for discover.c. */
#ifndef HONE_ATTACHED_H
#define HONE_ATTACHED_H

#include "runtime/live/discover.h"

/* hone_attached_list() - append a hook's programs, of the calling thread's network namespace.
 * netns:  that namespace's inode
 * wanted: only this program; 0: all
 * Returns 0, -ENOENT (nothing is there), -ENOTSUP (nothing that can be replaced), -ENODEV, or
 * -errno. */
int hone_attached_list(uint64_t netns, uint32_t ifindex, enum hone_hook hook, uint32_t wanted,
		       struct hone_targets *out);

#endif
