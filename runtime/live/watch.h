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
 *
 * What is pinned but is not whole, not attached, of another layout or not healthy is replaced;
 * every slot of its guard is raised first, so that no image relies on it any more. The new guard
 * is another map: hone_watch_is_adopted() is false, images of the old one are of no more use.
 * Returns 0 or -errno. */
int hone_watch_open(const char *dir, struct hone_watch **out);
/* hone_watch_open_existing() - the same for the offline CLI: makes nothing. -ENOENT where nothing
 * is pinned, -EUCLEAN where what is pinned is not whole. Health is not asked. */
int hone_watch_open_existing(const char *dir, struct hone_watch **out);
bool hone_watch_is_adopted(const struct hone_watch *watch);
void hone_watch_close(struct hone_watch **watch); /* the pins stay */
/* hone_watch_unpin() - take the hooks away. Nothing raises the guard any more, so every slot is
 * raised first: no image that was left in place is valid. The directory stays. */
int hone_watch_unpin(const char *dir);

/* Guard map (struct hone_guard, direct value access) for image relocations; borrowed. */
int hone_watch_guard_fd(const struct hone_watch *watch);

/* hone_watch_map() - writes to this map from now on raise the slot's epochs (a set: a map may
 * feed many slots). Also marks the slot as in use, for events that raise all.
 * hone_watch_forget_slot() - no map feeds the slot any more. Raised first: an image that was left
 * in place is not valid. */
int hone_watch_map(struct hone_watch *watch, uint32_t map_id, uint32_t slot);
int hone_watch_forget_slot(struct hone_watch *watch, uint32_t slot);

/* hone_watch_exempt() - this process (thread group) is one of hone's: its program loads, links and
 * test runs of XDP programs raise nothing, and its threads are trusted not to swap an fd under a
 * running call. Its writes to watched maps raise as anyone's. Ends with the process. */
int hone_watch_exempt(struct hone_watch *watch, pid_t tgid);

/* hone_watch_raise() - begin and end + 1: makes a slot's images invalid at once. */
void hone_watch_raise(struct hone_watch *watch, uint32_t slot);

/* hone_watch_stable() - true if no write is in flight; *epoch is then the slot's begin. */
bool hone_watch_stable(const struct hone_watch *watch, uint32_t slot, uint64_t *epoch);
uint64_t hone_watch_begin(const struct hone_watch *watch, uint32_t slot);
uint64_t hone_watch_end(const struct hone_watch *watch, uint32_t slot);

/* Calls of bpf(2) that raised every slot in use, by cause; program loads that raised the slots of
 * the maps they hold; and who made the last of them all. */
struct hone_watch_counts {
	uint64_t n_raised_all[HONE_RAISE_N];
	uint64_t n_raised_by_load;
	pid_t last_tgid;
};
void hone_watch_counts(const struct hone_watch *watch, struct hone_watch_counts *out);

/* Events for epoll: fd is readable when some slot became dirty; consume calls fn per slot and
 * clears its mark first, so that a later write is told again. */
int hone_watch_fd(const struct hone_watch *watch);
int hone_watch_consume(struct hone_watch *watch, void (*fn)(void *arg, uint32_t slot), void *arg);

/* hone_watch_healthy() - hooks attached and pinned, no hook run skipped since they were loaded
 * (recursion_misses), every entry paired with its exit. false: whoever relies on the guard must
 * stop, close, and open again. About a dozen system calls: ask every few seconds. */
bool hone_watch_healthy(struct hone_watch *watch);

#endif
