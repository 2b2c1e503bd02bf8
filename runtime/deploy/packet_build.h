/* SPDX-License-Identifier: Apache-2.0 */
/* packet_build: headers of one packet. For packets.c. */
#ifndef HONE_PACKET_BUILD_H
#define HONE_PACKET_BUILD_H

#include "runtime/deploy/packet_keys.h"
#include "runtime/deploy/packet_random.h"
#include "runtime/deploy/packets.h"

/* Being written: `at` runs ahead of packet->size where that cuts a header. */
struct hone_packet_build {
	struct hone_random *random;
	const struct hone_packet_keys *keys;
	struct hone_packet *packet;
	uint32_t at;
	uint32_t depth;
	const struct hone_packet_key *key; /* this packet's; NULL: none */
	bool is_place_dst;
};

/* hone_packet_build() - an Ethernet frame at build->at. packet->size is set, and its bytes are
 * random where no header is. */
void hone_packet_build(struct hone_packet_build *build);

#endif
