/* SPDX-License-Identifier: Apache-2.0 */
/* packet_hints: what a program compares packets with, read from its instructions, so that packets
 * can hold it. Only guesses: a wrong one costs a packet. */
#ifndef HONE_PACKET_HINTS_H
#define HONE_PACKET_HINTS_H

#include "compiler/facts.h"
#include "runtime/deploy/packet_random.h"
#include "runtime/deploy/packets.h"

struct hone_packet_hint {
	bool has_offset;
	uint16_t offset; /* of the load that is compared, from some header */
	uint8_t size;	 /* bytes: 1, 2, 4 or 8 */
	uint64_t value;	 /* as the program compares it */
};

struct hone_packet_hints {
	uint32_t n, n_sizes;
	struct hone_packet_hint *hints; /* each once */
	uint16_t *sizes;		/* bounds that the program may ask the length for */
};

/* hone_packet_hints_add() - those of a unit to what is there (at first: zeros). 0 or -ENOMEM; freed
 * with hone_packet_hints_free(). */
int hone_packet_hints_add(const struct hone_unit *unit, struct hone_packet_hints *hints);
void hone_packet_hints_free(struct hone_packet_hints *hints);

/* hone_packet_hint_place() - one of the hints somewhere into the packet. */
void hone_packet_hint_place(const struct hone_packet_hints *hints, struct hone_random *random,
			    struct hone_packet *packet);
/* hone_packet_hint_size() - a length on one of the bounds, or just below; 0: none is known. */
uint32_t hone_packet_hint_size(const struct hone_packet_hints *hints, struct hone_random *random);

#endif
