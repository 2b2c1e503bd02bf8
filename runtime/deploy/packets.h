/* SPDX-License-Identifier: Apache-2.0 */
/* packets: what a differential run sends: random bytes, valid and broken headers of every layer,
 * cut at every length, the keys of the unit's maps with their neighbours where a program would look
 * for them, what the program compares packets with, and variations of packets that somebody found
 * worth keeping. Deterministic from the seed, the unit, the maps and what is kept. */
#ifndef HONE_PACKETS_H
#define HONE_PACKETS_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

enum {
	HONE_PACKET_MIN = 14, /* BPF_PROG_TEST_RUN takes no less */
	HONE_PACKET_MAX = 1514,
	HONE_PACKET_ROOM = 2048, /* headers may be written past the end that is then cut off */
};

/* Fields of __sk_buff that a packet may come with. XDP has none. */
struct hone_packet_context {
	uint32_t mark, priority;
	uint32_t cb[5];
};

struct hone_packet {
	uint32_t size;
	bool takes_context;
	struct hone_packet_context context;
	uint8_t bytes[HONE_PACKET_ROOM];
};

struct hone_packets;

/* hone_packets_new() - a generator for a unit.
 * unit, maps: keys are read now, at most HONE_PACKET_KEYS of each map; borrowed. maps may be
 *             NULL: no keys.
 * Returns 0 or -errno. */
enum { HONE_PACKET_KEYS = 16384 };
int hone_packets_new(const struct hone_unit *unit, const struct hone_maps *maps, uint64_t seed,
		     struct hone_packets **out);
void hone_packets_free(struct hone_packets **packets);

/* hone_packets_next() - the next packet. Any 2 * 1501 in a row have every length from
 * HONE_PACKET_MIN to HONE_PACKET_MAX; the keys take turns. */
void hone_packets_next(struct hone_packets *packets, struct hone_packet *out);

/* hone_packets_learn() - hold what this unit compares packets with, too. Returns 0 or -ENOMEM. */
int hone_packets_learn(struct hone_packets *packets, const struct hone_unit *unit);

/* hone_packets_keep() - this packet is worth varying. Returns 0 or -ENOMEM. */
int hone_packets_keep(struct hone_packets *packets, const struct hone_packet *packet);

#endif
