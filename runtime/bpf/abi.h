/* SPDX-License-Identifier: Apache-2.0 */
/* abi: what the BPF programs of hone and its user space agree on. Included by both sides, so
 * only fixed-width types; BPF programs include vmlinux.h or linux/types.h before it. */
#ifndef HONE_ABI_H
#define HONE_ABI_H

/* ---- guard: one slot per unit, in one mmapable one-entry array (direct value access) ---- */

enum {
	HONE_SLOT_N = 256, /* units at a time */
	HONE_SLOT_WORDS = HONE_SLOT_N / 64,
};

/* Epochs of everything that a unit's image may depend on. Both only grow.
 * begin: raised before a write to a watched map can take effect
 * end:   raised after it did, by whatever raised begin, and by nothing else
 * begin == end: no write is in flight. A cache line each, so that units do not disturb. */
struct hone_guard_slot {
	__u64 begin;
	__u64 end;
	__u64 is_dirty; /* an event is on its way to the daemon, which clears this */
	__u64 reserved[5];
};

struct hone_guard {
	struct hone_guard_slot slots[HONE_SLOT_N];
};

/* Which units depend on a map: bit n is slot n. */
struct hone_slot_set {
	__u64 words[HONE_SLOT_WORDS];
};

/* ---- watch: what its hooks and the daemon tell each other; one-entry array, mmapable ---- */

enum { HONE_WATCH_LAYOUT = 1 }; /* of this struct, of the guard and of the events */

/* Why every slot in use was raised. */
enum hone_raise_all {
	HONE_RAISE_THREADS,	 /* the caller shares its files or its memory */
	HONE_RAISE_UNREADABLE,	 /* bpf_attr or the fd table could not be read */
	HONE_RAISE_SYSCALL_PROG, /* BPF_PROG_RUN of a SYSCALL program */
	HONE_RAISE_UNSEEN,	 /* a call that was under way when the hooks or a slot came */
	HONE_RAISE_LINK,	 /* a link: an iterator may write to its map now, or a program is
				  * attached to another, and does what that one did */
	HONE_RAISE_N,
};

struct hone_watch_control {
	__u64 layout;		     /* HONE_WATCH_LAYOUT */
	struct hone_slot_set in_use; /* slots that "raise all" raises */
	/* Learnt once from fds of known kinds, before any slot is in use. */
	__u64 map_fops, prog_fops; /* file_operations of maps and of programs */
	__u64 write_modes;	   /* bits of f_mode that tell a writable map fd */
	__u64 attached_ns;	   /* monotonic: all calls of later tasks are seen from entry on */
	/* Counters. */
	__u64 n_unpaired; /* begins that no end will follow: the guard is worn out */
	__u64 n_raised_all[HONE_RAISE_N];
	__u64 n_raised_by_load; /* program loads that raised slots of the maps they hold */
	__u64 last_tgid;	/* who caused the last of these */
};

/* One event: this slot became dirty. */
struct hone_watch_event {
	__u32 slot;
	__u32 reserved;
};

/* What `learn` is run with: fds in the table of the process that runs it. */
struct hone_watch_learn {
	__u32 writable_map_fd, readable_map_fd, prog_fd;
	__u32 is_known; /* out */
};

/* ---- PROG_ARRAY of a unit ---- */
enum {
	HONE_PROG_IMAGE = 0,	/* what the root calls; empty: the root goes on as the original */
	HONE_PROG_ORIGINAL = 1, /* what an image whose guard is broken calls */
	HONE_PROG_N = 2,
};

/* ---- counters of a unit: PERCPU_ARRAY of __u64 ---- */
enum {
	HONE_COUNT_FALLBACK = 0, /* packets that an image passed on to the original */
	HONE_COUNT_IMAGE = 1,	 /* packets that an image decided (policy: count_packets) */
	HONE_COUNT_N = 2,
};

#endif
