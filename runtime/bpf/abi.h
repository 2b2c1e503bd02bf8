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

/* Which units depend on a map: bit n is slot n. */
struct hone_slot_set {
	__u64 words[HONE_SLOT_WORDS];
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
