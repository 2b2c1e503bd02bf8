/* SPDX-License-Identifier: Apache-2.0 */
/* watch_fixture: hooks of a test's own, a watched map, and processes that write it.
 *
 * Other programs of the same machine may make every slot rise at any moment; the hooks count such
 * calls and say who made them, so that a disturbed measurement is repeated. */
#ifndef HONE_WATCH_FIXTURE_H
#define HONE_WATCH_FIXTURE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/live/watch_internal.h"

enum { FIXTURE_SLOT = 3, FIXTURE_KEYS = 4, FIXTURE_MAX_ENTRIES = 64 };

struct fixture {
	char dir[128];
	struct hone_watch *watch;
	int map; /* HASH, watched by FIXTURE_SLOT, holds keys 1 to FIXTURE_KEYS */
	uint32_t map_id;
	int other; /* HASH, not watched */
};

/* Hooks below a directory of this process. Exit 77 where the machine cannot. Returns 0 or -1. */
int fixture_open(struct fixture *fx, enum hone_watch_fault fault);
void fixture_close(struct fixture *fx);
uint32_t fixture_map_id(int map);

/* bpf(2) itself. Returns its result or -errno. */
long fixture_bpf(int cmd, const void *attr, size_t size);
long fixture_update(int map, uint32_t key, uint32_t value);

/* fixture_settles() - no write is in flight, now or soon (one of another program may be). */
bool fixture_settles(const struct fixture *fx, uint32_t slot);

/* What one process did to FIXTURE_SLOT. */
struct raised {
	uint64_t begin, end;	       /* how far they rose */
	uint64_t by_all[HONE_RAISE_N]; /* calls of this process that raised every slot, by cause */
	uint64_t by_load;
	int exit_code; /* of the process; -1: killed */
};

/* fixture_raised_by() - run act in a process of its own, single-threaded, with private files. */
struct raised fixture_raised_by(struct fixture *fx, int (*act)(struct fixture *fx));

/* A process that hangs in bpf(2) since a page of its memory is missing. */
struct blocked {
	pid_t pid;
	int uffd;
	void *page;
	uint32_t map;
};

enum blocked_at {
	BLOCKED_AT_KEY,	 /* the hook could read bpf_attr, the kernel cannot read the key */
	BLOCKED_AT_ATTR, /* neither can read bpf_attr */
};

/* fixture_block() - start an update of `map` which hangs. fixture_unblock() lets it go on, waits
 * for it, returns the update's result. fixture_kill() ends it instead. */
void fixture_block(struct blocked *blocked, int map, enum blocked_at at);
int fixture_unblock(struct blocked *blocked, uint32_t key, const union bpf_attr *attr);
void fixture_kill(struct blocked *blocked);

#endif
