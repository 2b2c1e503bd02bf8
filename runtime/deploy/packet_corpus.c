// SPDX-License-Identifier: Apache-2.0
/* packet_corpus: see the header. The last packets that were kept are varied most: what they
 * reached is the least explored. */
#include "runtime/deploy/packet_corpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	REACH = 160, /* most changes are in the headers */
	CHANGES_MAX = 4,
	NEWEST = 8,
};

int hone_packet_corpus_keep(struct hone_packet_corpus *corpus, const struct hone_packet *packet)
{
	if (!corpus->packets)
		corpus->packets = calloc(HONE_CORPUS_MAX, sizeof(*corpus->packets));
	if (!corpus->packets)
		return -ENOMEM;
	corpus->packets[corpus->n_seen++ % HONE_CORPUS_MAX] = *packet;
	if (corpus->n < HONE_CORPUS_MAX)
		corpus->n++;
	return 0;
}

void hone_packet_corpus_free(struct hone_packet_corpus *corpus)
{
	free(corpus->packets);
	*corpus = (struct hone_packet_corpus){0};
}

static const struct hone_packet *pick(const struct hone_packet_corpus *corpus,
				      struct hone_random *random)
{
	uint32_t newest = corpus->n < NEWEST ? corpus->n : NEWEST;

	if (hone_one_in(random, 2))
		return &corpus->packets[hone_below(random, corpus->n)];
	return &corpus->packets[(corpus->n_seen - 1 - hone_below(random, newest)) %
				HONE_CORPUS_MAX];
}

struct change {
	const struct hone_packet_corpus *corpus;
	const struct hone_packet_hints *hints;
	const struct hone_packet_keys *keys;
	struct hone_random *random;
	struct hone_packet *packet;
};

static uint32_t pick_place(const struct change *change)
{
	return hone_below(change->random,
			  change->packet->size < REACH ? change->packet->size : REACH);
}

static void change_bit(const struct change *change)
{
	change->packet->bytes[pick_place(change)] ^= (uint8_t)(1 << hone_below(change->random, 8));
}

static void change_byte(const struct change *change)
{
	static const uint8_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};

	change->packet->bytes[pick_place(change)] =
		hone_one_in(change->random, 2) ? (uint8_t)hone_random(change->random)
					       : edges[hone_below(change->random, sizeof(edges))];
}

static void change_by_hint(const struct change *change)
{
	hone_packet_hint_place(change->hints, change->random, change->packet);
}

static void change_size(const struct change *change)
{
	uint32_t size = hone_packet_hint_size(change->hints, change->random);

	if (size == 0)
		size = HONE_PACKET_MIN + hone_below(change->random, 200);
	change->packet->size = size;
}

/* A 16-bit field of the network's byte order, a little more or less. */
static void change_number(const struct change *change)
{
	uint8_t *at = change->packet->bytes + pick_place(change);
	uint32_t number = (uint32_t)at[0] << 8 | at[1];

	number += hone_below(change->random, 17) - 8;
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

static void change_key(const struct change *change)
{
	const struct hone_packet_keys *keys = change->keys;
	const struct hone_packet_key *key;

	if (keys->n == 0)
		return;
	key = &keys->keys[hone_below(change->random, keys->n)];
	memcpy(change->packet->bytes + pick_place(change), key->bytes, key->size);
}

/* From another packet, at the same place. */
static void change_piece(const struct change *change)
{
	const struct hone_packet *other = pick(change->corpus, change->random);
	uint32_t at = pick_place(change), size = 1 + hone_below(change->random, 32);

	memcpy(change->packet->bytes + at, other->bytes + at, size);
}

static void (*const changes[])(const struct change *change) = {
	change_bit,    change_byte,   change_byte, change_by_hint, change_by_hint, change_by_hint,
	change_number, change_number, change_size, change_key,	   change_piece,
};

enum { N_CHANGES = sizeof(changes) / sizeof(changes[0]) };

void hone_packet_corpus_vary(const struct hone_packet_corpus *corpus,
			     const struct hone_packet_hints *hints,
			     const struct hone_packet_keys *keys, struct hone_random *random,
			     struct hone_packet *out)
{
	const struct change change = {corpus, hints, keys, random, out};
	uint32_t n = 1 + hone_below(random, CHANGES_MAX);

	*out = *pick(corpus, random);
	for (uint32_t i = 0; i < n; i++)
		changes[hone_below(random, N_CHANGES)](&change);
}
