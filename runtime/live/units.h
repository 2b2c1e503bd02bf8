/* SPDX-License-Identifier: Apache-2.0 */
/* units: captured units on disk, so that a program can be specialized by a daemon which was not
 * there when it was loaded. One JSON file each, named by program id and tag; it also says of
 * which boot, since ids mean nothing in another. Written whole, readable by their owner only. */
#ifndef HONE_UNITS_H
#define HONE_UNITS_H

#include "compiler/facts.h"

#define HONE_UNITS_DIR "/run/hone/units"

/* hone_units_save() - keep a unit; one of the same program is replaced. Makes `dir`.
 * Returns 0 or -errno; logged. */
int hone_units_save(const char *dir, const struct hone_unit *unit);

/* hone_units_load() - the unit of a running program.
 *
 * out: without snapshots; caller frees with hone_unit_free()
 *
 * Returns 0, -ENOENT (no such program, or none kept of it), -ESTALE (kept by another boot, or of
 * another program), -EINVAL (not a unit; logged), or -errno. */
int hone_units_load(const char *dir, uint32_t prog_id, struct hone_unit *out);

/* hone_units_forget() - drop what is kept of a program id. 0 also where nothing is. */
int hone_units_forget(const char *dir, uint32_t prog_id);

/* hone_units_prune() - drop the units of programs that are gone and of other boots.
 * Returns how many were dropped, or -errno. */
int hone_units_prune(const char *dir);

#endif
