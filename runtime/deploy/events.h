/* SPDX-License-Identifier: Apache-2.0 */
/* events: what a program writes to ring buffers and perf event arrays, as sequences. */
#ifndef HONE_EVENTS_H
#define HONE_EVENTS_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

struct hone_events;

/* hone_events_new() - listen to the rings among these maps; borrowed until free. *out is NULL
 * where there are none. Returns 0 or -errno. */
int hone_events_new(const struct hone_unit *unit, const struct hone_maps *maps,
		    struct hone_events **out);
void hone_events_free(struct hone_events **events);

/* hone_events_drain() - take in what was written. Returns 0 or -errno.
 * hone_events_forget() - drain, and forget all. */
int hone_events_drain(struct hone_events *events);
int hone_events_forget(struct hone_events *events);

/* Were the same events written to a's map and to b's, since they were forgotten? Of those in perf
 * event arrays the last 7 bytes are not looked at: the kernel does not tell where its padding
 * begins. Either may be NULL. */
bool hone_events_are_same(const struct hone_events *a, uint32_t map_a, const struct hone_events *b,
			  uint32_t map_b);

#endif
