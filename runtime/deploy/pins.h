/* SPDX-License-Identifier: Apache-2.0 */
/* pins: names in bpffs, ours and the owner's. */
#ifndef HONE_PINS_H
#define HONE_PINS_H

#include <stdint.h>

/* hone_pin_replace() - pin fd at path, in the place of whatever is pinned there (at no moment is
 * there nothing). Returns 0 or -errno. */
int hone_pin_replace(const char *path, int fd);

/* hone_pins_repoint() - every pin in any bpffs that names program old_id, except below `ours`,
 * names new_fd from then on. An owner's tool compares such pins with what is attached. Half-made
 * pins of processes that died meanwhile are removed.
 * Returns the number of pins changed, or -errno of the first that could not be. */
int hone_pins_repoint(uint32_t old_id, int new_fd, const char *ours);

#endif
