/* SPDX-License-Identifier: Apache-2.0 */
/* watch_internal: what watch.c (epochs, events) and watch_pin.c (making and finding the hooks)
 * share. Included by nobody else but the tests, for the seeded faults. */
#ifndef HONE_WATCH_INTERNAL_H
#define HONE_WATCH_INTERNAL_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/bpf/abi.h"
#include "runtime/live/watch.h"

/* Everything that is pinned, in the order of pinning. The last one says that all are there. */
enum hone_watch_pin {
	HONE_WATCH_PIN_GUARD,
	HONE_WATCH_PIN_CONTROL,
	HONE_WATCH_PIN_WATCHED,
	HONE_WATCH_PIN_EVENTS,
	HONE_WATCH_PIN_EXEMPT,
	HONE_WATCH_PIN_EXIT_PROG,
	HONE_WATCH_PIN_ENTER_PROG,
	HONE_WATCH_PIN_EXIT,
	HONE_WATCH_PIN_ENTER,
	HONE_WATCH_PIN_N,
};

struct hone_watch_pins {
	int fd[HONE_WATCH_PIN_N];
};

struct ring_buffer;

struct hone_watch {
	char dir[PATH_MAX];
	bool is_adopted;
	struct hone_watch_pins pins;
	struct hone_guard *guard;
	struct hone_watch_control *control;
	struct ring_buffer *ring;
	void (*fn)(void *arg, uint32_t slot); /* during hone_watch_consume() */
	void *arg;
};

/* Faults that the test suite seeds: a hook that forgets to raise, and one that raises `end` for
 * calls which it never saw start. Product code passes HONE_WATCH_FAULT_NONE. */
enum hone_watch_fault {
	HONE_WATCH_FAULT_NONE,
	HONE_WATCH_FAULT_SKIPPED_RAISE,
	HONE_WATCH_FAULT_UNPAIRED_END,
};

/* hone_watch_pins_find() - open what is pinned below dir and check that it is whole and attached.
 * Returns 0, -ENOENT (nothing is pinned), -EUCLEAN (something is, but it cannot be relied on),
 * or -errno. */
int hone_watch_pins_find(const char *dir, struct hone_watch_pins *out);

/* hone_watch_pins_make() - load, attach and pin. dir exists and holds none of the pins. */
int hone_watch_pins_make(const char *dir, enum hone_watch_fault fault, struct hone_watch_pins *out);

/* hone_watch_pins_check() - are the pins still in place? Returns 0 or -errno. */
int hone_watch_pins_check(const char *dir);
void hone_watch_pins_close(struct hone_watch_pins *pins);
/* hone_watch_pins_remove() - unlink what is there of them. Returns 0 or the first -errno. */
int hone_watch_pins_remove(const char *dir);

/* hone_watch_open_faulty() - hone_watch_open() with a seeded fault in hooks that are made. */
int hone_watch_open_faulty(const char *dir, enum hone_watch_fault fault, struct hone_watch **out);

#endif
