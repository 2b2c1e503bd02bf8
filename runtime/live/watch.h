/* SPDX-License-Identifier: Apache-2.0 */
/* watch: hooks on bpf(2) which raise the epochs of units whose maps are written.
 *
 * Hooks, guard and the map → slots table are pinned under one directory: they go on working when
 * the daemon dies. hone_watch_unpin() takes them away. See bpf/watch.bpf.c for the protocol. */
#ifndef HONE_WATCH_H
#define HONE_WATCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/bpf/abi.h"

struct hone_watch;

/* hone_watch_open() - adopt the hooks pinned below `dir`, or load, attach and pin them.
 * Checks that adopted links still exist and are attached. Returns 0 or -errno. */
int hone_watch_open(const char *dir, struct hone_watch **out);
/* hone_watch_open_existing() - the same, but -ENOENT where nothing is pinned (offline CLI). */
int hone_watch_open_existing(const char *dir, struct hone_watch **out);
void hone_watch_close(struct hone_watch **watch); /* the pins stay */
int hone_watch_unpin(const char *dir);

/* Guard map (one entry, HONE_SLOT_N slots, direct value access) for image relocations; borrowed. */
int hone_watch_guard_fd(const struct hone_watch *watch);

/* hone_watch_map() - writes to this map from now on raise the slot's epochs (a set: a map may
 * feed many slots). Also marks the slot as in use, for events that raise all.
 * hone_watch_forget_slot() - no map feeds the slot any more. */
int hone_watch_map(struct hone_watch *watch, uint32_t map_id, uint32_t slot);
int hone_watch_forget_slot(struct hone_watch *watch, uint32_t slot);

/* hone_watch_exempt() - program loads of this process (thread group) raise nothing. */
int hone_watch_exempt(struct hone_watch *watch, pid_t tgid);

/* hone_watch_raise() - begin and end + 1: makes a slot's images invalid at once. */
void hone_watch_raise(struct hone_watch *watch, uint32_t slot);

/* hone_watch_stable() - true if no write is in flight; *epoch is then the slot's begin. */
bool hone_watch_stable(const struct hone_watch *watch, uint32_t slot, uint64_t *epoch);
uint64_t hone_watch_begin(const struct hone_watch *watch, uint32_t slot);
uint64_t hone_watch_end(const struct hone_watch *watch, uint32_t slot);

/* Events for epoll: fd is readable when some slot became dirty; consume calls fn per slot and
 * clears its mark first, so that a later write is told again. */
int hone_watch_fd(const struct hone_watch *watch);
int hone_watch_consume(struct hone_watch *watch, void (*fn)(void *arg, uint32_t slot), void *arg);

/* hone_watch_healthy() - hooks attached, and no hook run was skipped since they were loaded
 * (recursion_misses). false: whoever relies on the guard must stop. */
bool hone_watch_healthy(struct hone_watch *watch);

#endif
