/* SPDX-License-Identifier: Apache-2.0 */
/* packet_keys: the keys of a unit's maps, by what part of a packet they may be. */
#ifndef HONE_PACKET_KEYS_H
#define HONE_PACKET_KEYS_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

/* Guessed from the size of a key; an index of an array may be a port in either byte order. */
enum hone_key_part {
	HONE_KEY_MAC,
	HONE_KEY_IPV4,
	HONE_KEY_IPV6,
	HONE_KEY_PORT,
	HONE_KEY_TUPLE, /* addresses, ports, protocol, in this order as far as it goes */
	HONE_KEY_PART_N,
};

enum { HONE_KEY_BYTES = 40 };

struct hone_packet_key {
	enum hone_key_part part;
	uint8_t size;
	uint8_t bytes[HONE_KEY_BYTES];
};

struct hone_packet_keys {
	uint32_t n;
	struct hone_packet_key *keys;
	uint32_t n_of[HONE_KEY_PART_N];	    /* keys are grouped by part ... */
	uint32_t first_of[HONE_KEY_PART_N]; /* ... from here on */
};

/* hone_packet_keys_read() - at most max_per_map keys of each map that can be read.
 * Returns 0 or -errno; the caller frees with hone_packet_keys_free(). */
int hone_packet_keys_read(const struct hone_unit *unit, const struct hone_maps *maps,
			  uint32_t max_per_map, struct hone_packet_keys *out);
void hone_packet_keys_free(struct hone_packet_keys *keys);

#endif
