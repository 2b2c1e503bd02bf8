// SPDX-License-Identifier: Apache-2.0
/* packets: build one packet after the other.
 *
 * When:  a differential run. A packet costs well under a microsecond.
 * Does:  decide the size first, then have headers written, a key of the maps placed, a number of
 *        the program; or vary a packet that was kept.
 * Not:   flows. */
#include "runtime/deploy/packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/deploy/packet_build.h"
#include "runtime/deploy/packet_corpus.h"
#include "runtime/deploy/packet_hints.h"
#include "runtime/deploy/packet_keys.h"

enum {
	POOL_BYTES = 8192, /* random payload is a window of it */
	N_SIZES = HONE_PACKET_MAX - HONE_PACKET_MIN + 1,
	N_VARIANTS = 5, /* the key, its neighbours at the last and at the first byte */
	N_PLACES = 2,	/* source, destination */
};

struct hone_packets {
	struct hone_random random;
	uint64_t n_made;
	uint64_t n_keyed; /* packets with a key's turn so far */
	struct hone_packet_keys keys;
	struct hone_packet_hints hints;
	struct hone_packet_corpus corpus;
	bool takes_context;
	uint8_t pool[POOL_BYTES];
};

/* Every key, then every key's neighbours, then the same at the other place. */
static void take_turn(struct hone_packets *from, struct hone_packet_build *build,
		      struct hone_packet_key *scratch)
{
	uint64_t turn = from->n_keyed++;
	uint32_t variant;

	*scratch = from->keys.keys[turn % from->keys.n];
	turn /= from->keys.n;
	build->is_place_dst = turn % N_PLACES;
	variant = (uint32_t)(turn / N_PLACES % N_VARIANTS);
	if (variant == 1)
		scratch->bytes[scratch->size - 1]++;
	if (variant == 2)
		scratch->bytes[scratch->size - 1]--;
	if (variant == 3)
		scratch->bytes[0]++;
	if (variant == 4)
		scratch->bytes[0]--;
	build->key = scratch;
}

/* Every second packet takes the next size of all; the others are near the headers. */
static uint32_t pick_size(struct hone_packets *packets)
{
	uint32_t hinted;

	if (packets->n_made % 2 == 0)
		return HONE_PACKET_MIN + (uint32_t)(packets->n_made / 2 % N_SIZES);
	hinted = hone_one_in(&packets->random, 4)
			 ? hone_packet_hint_size(&packets->hints, &packets->random)
			 : 0;
	if (hinted)
		return hinted;
	return hone_one_in(&packets->random, 3)
		       ? HONE_PACKET_MIN + hone_below(&packets->random, 120)
		       : 60 + hone_below(&packets->random, 200);
}

static void flip_bits(struct hone_packets *packets, struct hone_packet *out)
{
	uint32_t n = 1 + hone_below(&packets->random, 3);
	uint32_t reach = out->size < 96 ? out->size : 96;

	for (uint32_t i = 0; i < n; i++)
		out->bytes[hone_below(&packets->random, reach)] ^=
			(uint8_t)(1 << hone_below(&packets->random, 8));
}

static void fill_randomly(struct hone_packets *packets, struct hone_packet *out)
{
	memcpy(out->bytes,
	       packets->pool + hone_below(&packets->random, POOL_BYTES - HONE_PACKET_ROOM),
	       HONE_PACKET_ROOM);
	/* the window repeats; addresses should not */
	for (uint32_t i = 0; i < 48; i += sizeof(uint64_t)) {
		uint64_t fresh = hone_random(&packets->random);

		memcpy(out->bytes + i, &fresh, sizeof(fresh));
	}
}

/* Mostly nothing, so that programs which count on it are met. */
static void fill_context(struct hone_packets *packets, struct hone_packet_context *out)
{
	*out = (struct hone_packet_context){0};
	if (!packets->takes_context || !hone_one_in(&packets->random, 3))
		return;
	out->mark = hone_below(&packets->random, 1 << 16);
	out->priority = hone_below(&packets->random, 16);
	for (size_t i = 0; i < sizeof(out->cb) / sizeof(out->cb[0]); i++)
		out->cb[i] =
			hone_one_in(&packets->random, 2) ? hone_below(&packets->random, 256) : 0;
}

static void build_new(struct hone_packets *packets, struct hone_packet *out)
{
	struct hone_packet_key key;
	struct hone_packet_build build = {
		.random = &packets->random, .keys = &packets->keys, .packet = out};
	uint32_t dice = hone_below(&packets->random, 16);

	fill_randomly(packets, out);
	fill_context(packets, &out->context);
	if (dice == 0)
		return;
	if (packets->keys.n > 0 && dice < 9)
		take_turn(packets, &build, &key);
	hone_packet_build(&build);
	if (dice == 15)
		flip_bits(packets, out);
	if (hone_one_in(&packets->random, 3))
		hone_packet_hint_place(&packets->hints, &packets->random, out);
}

void hone_packets_next(struct hone_packets *packets, struct hone_packet *out)
{
	uint32_t size = pick_size(packets);
	bool is_any_size = packets->n_made % 2 == 1;

	packets->n_made++;
	out->takes_context = packets->takes_context;
	if (is_any_size && packets->corpus.n > 0 && !hone_one_in(&packets->random, 4)) {
		hone_packet_corpus_vary(&packets->corpus, &packets->hints, &packets->keys,
					&packets->random, out);
		return;
	}
	out->size = size;
	build_new(packets, out);
}

int hone_packets_learn(struct hone_packets *packets, const struct hone_unit *unit)
{
	return hone_packet_hints_add(unit, &packets->hints);
}

int hone_packets_keep(struct hone_packets *packets, const struct hone_packet *packet)
{
	return hone_packet_corpus_keep(&packets->corpus, packet);
}

int hone_packets_new(const struct hone_unit *unit, const struct hone_maps *maps, uint64_t seed,
		     struct hone_packets **out)
{
	struct hone_packets *packets = calloc(1, sizeof(*packets));
	int err = 0;

	if (!packets)
		return -ENOMEM;
	packets->random.state = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (packets->random.state == 0)
		packets->random.state = 1;
	for (uint32_t i = 0; i < POOL_BYTES; i++)
		packets->pool[i] = (uint8_t)hone_random(&packets->random);
	packets->takes_context = unit->prog_type != BPF_PROG_TYPE_XDP;
	err = hone_packet_hints_add(unit, &packets->hints);
	if (!err && maps)
		err = hone_packet_keys_read(unit, maps, HONE_PACKET_KEYS, &packets->keys);
	if (err)
		hone_packets_free(&packets);
	else
		*out = packets;
	return err;
}

void hone_packets_free(struct hone_packets **packets)
{
	if (*packets) {
		hone_packet_keys_free(&(*packets)->keys);
		hone_packet_hints_free(&(*packets)->hints);
		hone_packet_corpus_free(&(*packets)->corpus);
	}
	free(*packets);
	*packets = NULL;
}
