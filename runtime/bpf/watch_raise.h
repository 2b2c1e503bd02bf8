/* SPDX-License-Identifier: Apache-2.0 */
/* watch_raise: the maps that hooks and daemon share, and raising epochs in them. Of watch.bpf.c. */
#ifndef HONE_WATCH_RAISE_H
#define HONE_WATCH_RAISE_H

#include <bpf/bpf_helpers.h>

#include "runtime/bpf/abi.h"

/* Map ids as find_*() answers: 0 is no id, and ids are positive ints. */
enum { NO_MAP = 0, ANY_MAP = 0xffffffff };

enum { RAISE_BEGIN = 1, RAISE_END = 2 };

/* Seeded faults of the test suite. Read-only data: 0 makes the verifier drop their code. */
enum { FAULT_NONE, FAULT_SKIPPED_RAISE, FAULT_UNPAIRED_END };
const volatile __u32 fault = FAULT_NONE;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hone_guard);
} hone_guard SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hone_watch_control);
} hone_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384); /* every slot with as many maps as a program can hold */
	__type(key, __u32);	    /* map id */
	__type(value, struct hone_slot_set);
} hone_watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* at most one event per slot is under way: never full */
} hone_events SEC(".maps");

/* As an add that fetches, a full barrier on every CPU. */
static __always_inline void add_one(__u64 *epoch)
{
	__u64 old = __sync_fetch_and_add(epoch, 1);

	barrier_var(old);
}

static __always_inline void tell(struct hone_guard_slot *slot, __u32 index)
{
	struct hone_watch_event event = {.slot = index};

	if (__sync_lock_test_and_set(&slot->is_dirty, 1))
		return;
	if (bpf_ringbuf_output(&hone_events, &event, sizeof(event), 0))
		slot->is_dirty = 0; /* the next raise tries again */
}

static __always_inline void raise_slot(struct hone_guard_slot *slot, __u32 index, __u32 what)
{
	if (what & RAISE_BEGIN)
		add_one(&slot->begin);
	if (what & RAISE_END)
		add_one(&slot->end);
	tell(slot, index);
}

struct raising {
	struct hone_guard *guard;
	__u64 bits; /* slots of this word that are left */
	__u32 word;
	__u32 what;
};

/* Position of the only bit that is set. BPF has no instruction for it. */
static __always_inline __u32 position(__u64 bit)
{
	return (__u32)(!!(bit & 0xaaaaaaaaaaaaaaaaull) | !!(bit & 0xccccccccccccccccull) << 1 |
		       !!(bit & 0xf0f0f0f0f0f0f0f0ull) << 2 | !!(bit & 0xff00ff00ff00ff00ull) << 3 |
		       !!(bit & 0xffff0000ffff0000ull) << 4 | !!(bit & 0xffffffff00000000ull) << 5);
}

static long raise_next(__u32 unused, struct raising *raising)
{
	__u64 bit = raising->bits & -raising->bits;
	__u32 index;

	(void)unused;
	if (!bit)
		return 1;
	raising->bits &= ~bit;
	index = (raising->word * 64 + position(bit)) & (HONE_SLOT_N - 1);
	raise_slot(&raising->guard->slots[index], index, raising->what);
	return 0;
}

/* Global, so that the verifier walks it once and not for each path of each caller. */
__noinline int hone_raise(const struct hone_slot_set *set, __u32 what)
{
	__u32 zero = 0;
	struct raising raising = {.guard = bpf_map_lookup_elem(&hone_guard, &zero), .what = what};

	if (!set || !raising.guard || fault == FAULT_SKIPPED_RAISE)
		return 0;
	for (__u32 word = 0; word < HONE_SLOT_WORDS; word++) {
		raising.word = word;
		raising.bits = set->words[word];
		if (raising.bits)
			bpf_loop(64, raise_next, &raising, 0);
	}
	return 0;
}

static __always_inline struct hone_watch_control *control_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&hone_control, &zero);
}

/* Slots that depend on a map; NULL if none does. */
static __always_inline const struct hone_slot_set *
slots_of(const struct hone_watch_control *control, __u32 map)
{
	if (map == ANY_MAP)
		return &control->in_use;
	return map == NO_MAP ? NULL : bpf_map_lookup_elem(&hone_watched, &map);
}

static __always_inline void add_slots(const struct hone_watch_control *control, __u32 map,
				      struct hone_slot_set *to)
{
	const struct hone_slot_set *set = slots_of(control, map);

	for (__u32 word = 0; set && word < HONE_SLOT_WORDS; word++)
		to->words[word] |= set->words[word];
}

static __always_inline void find_slots(const struct hone_watch_control *control, __u32 map,
				       struct hone_slot_set *out)
{
	const struct hone_slot_set *set = slots_of(control, map);

	if (set)
		*out = *set;
	else
		__builtin_memset(out, 0, sizeof(*out));
}

static __always_inline void count_all(struct hone_watch_control *control, enum hone_raise_all why)
{
	__sync_fetch_and_add(&control->n_raised_all[why], 1);
	control->last_tgid = bpf_get_current_pid_tgid() >> 32;
}

static __always_inline void raise_all(struct hone_watch_control *control, enum hone_raise_all why)
{
	struct hone_slot_set set = control->in_use;

	count_all(control, why);
	hone_raise(&set, RAISE_BEGIN | RAISE_END);
}

#endif
