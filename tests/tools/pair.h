/* SPDX-License-Identifier: Apache-2.0 */
/* pair: an original and an image of it in the kernel, each with maps of its own, and the same
 * packets to both. For tests of what honec makes; the product's check is deploy/check.h. */
#ifndef HONE_TEST_PAIR_H
#define HONE_TEST_PAIR_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

enum { PAIR_PACKET_MAX = 2048, PAIR_EPOCH = 7 };

struct pair {
	const struct hone_unit *unit;		   /* borrowed */
	const struct hone_maps *maps, *image_maps; /* borrowed */
	int original_fd, image_fd;
	int fallback_fd; /* what the image calls when its guard is broken */
	int table_fd, guard_fd, slots_fd, counts_fd;
	uint32_t n_verified;
	char detail[HONE_DETAIL_LEN]; /* of the last difference or refusal */
};

/* Loads unit on maps and image on image_maps (equal ones), guard valid. Returns 0 or -errno with
 * the verifier's words in detail. */
int pair_load(const struct hone_unit *unit, const struct hone_maps *maps,
	      const struct hone_maps *image_maps, const struct hone_image *image, struct pair *out);
void pair_close(struct pair *pair);

/* The packet to both: same verdict, same bytes afterwards? Else detail says. */
bool pair_agrees(struct pair *pair, const uint8_t *packet, uint32_t size, uint32_t *verdict);
/* Same content of all maps that can be iterated? */
bool pair_maps_agree(struct pair *pair);

/* Sets an epoch that the image does not expect, or the one it does. */
void pair_guard(const struct pair *pair, bool is_valid);
/* Sum over CPUs of a counter (HONE_COUNT_*). */
uint64_t pair_count(const struct pair *pair, uint32_t which);

/* Deterministic. */
uint64_t pair_random(uint64_t *state);
/* A packet of Ethernet (VLAN tags), IPv4 or IPv6, TCP, UDP or ICMP from a small pool of addresses
 * and ports; some cut off or damaged. Returns its size. */
uint32_t pair_packet(uint64_t *state, uint8_t *packet);
/* Random entries from the same pool into both sides' maps, equally. */
void pair_fill(const struct pair *pair, uint64_t *state, uint32_t n_entries);

#endif
