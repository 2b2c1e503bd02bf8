/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: one map's content into facts. Knows no epochs: who calls it checks them. */
#ifndef HONE_SNAPSHOT_H
#define HONE_SNAPSHOT_H

#include "compiler/facts.h"

/* hone_snapshot_take() - copy one map's content, sorted by key, zeros of arrays left out.
 *
 * fd:          map; borrowed
 * max_entries: give up beyond; map->complete stays false
 * limit_us:    time budget in microseconds; 0: none
 * map:         described; keys, values, n_entries, n_cpus, complete are replaced
 *
 * Returns 0 (also when incomplete), -ENOTSUP (type cannot be iterated), or -errno of bpf(2). */
int hone_snapshot_take(int fd, uint32_t max_entries, uint64_t limit_us, struct hone_map *map);

/* hone_rcu_grace() - return after every BPF program run that is under way has ended: an update
 * of a map-in-map waits for that. Returns 0 or -errno. */
int hone_rcu_grace(void);

#endif
