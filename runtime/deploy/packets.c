// SPDX-License-Identifier: Apache-2.0
/* packets: build one packet after the other.
 *
 * When:  a differential run. A packet costs well under a microsecond.
 * Does:  decide the size first, then write layer by layer, each field right most of the time and
 *        wrong now and then; place a key of the maps; cut at the size.
 * Not:   flows, checksums that are right (programs cannot verify payloads cheaply anyway; the
 *        header checksum of IPv4 is right half of the time). */
#include "runtime/deploy/packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"
#include "runtime/deploy/packet_keys.h"

enum {
	POOL_BYTES = 8192, /* random payload is a window of it */
	N_SIZES = HONE_PACKET_MAX - HONE_PACKET_MIN + 1,
	N_VARIANTS = 5, /* the key, its neighbours at the last and at the first byte */
	N_PLACES = 2,	/* source, destination */
	NESTED_MAX = 2,
};

struct hone_packets {
	uint64_t random;
	uint64_t n_made;
	uint64_t n_keyed; /* packets with a key's turn so far */
	struct hone_packet_keys keys;
	uint8_t pool[POOL_BYTES];
};

/* Being written: `at` runs ahead of packet->size where that cuts a header. */
struct build {
	struct hone_packets *from;
	struct hone_packet *packet;
	uint32_t at;
	uint32_t depth;
	const struct hone_packet_key *key; /* this packet's; NULL: none */
	bool is_place_dst;
};

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t next_random(struct hone_packets *packets)
{
	uint64_t x = packets->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	packets->random = x;
	return x * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(struct hone_packets *packets, uint32_t n)
{
	return (uint32_t)(((next_random(packets) >> 32) * n) >> 32);
}

static bool one_in(struct hone_packets *packets, uint32_t n)
{
	return below(packets, n) == 0;
}

static uint8_t random_byte(struct hone_packets *packets)
{
	return (uint8_t)next_random(packets);
}

/* Room for `size` more bytes of headers, filled with the payload's random bytes; NULL: full. */
static uint8_t *append(struct build *build, uint32_t size)
{
	uint8_t *at = build->packet->bytes + build->at;

	if (HONE_PACKET_ROOM - build->at < size)
		return NULL;
	build->at += size;
	return at;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* What is left of the packet behind offset `from`: the right length field, mostly. */
static uint32_t length_from(struct build *build, uint32_t from)
{
	if (one_in(build->from, 12))
		return below(build->from, 1 << 16);
	return build->packet->size > from ? build->packet->size - from : 0;
}

/* ---- keys ---- */

/* Every key, then every key's neighbours, then the same at the other place. */
static void take_turn(struct build *build, struct hone_packet_key *scratch)
{
	struct hone_packets *from = build->from;
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

/* Source at `src`, destination at `dst`: the turn's key at its place; any other one sometimes. */
static void place(struct build *build, enum hone_key_part part, uint8_t *src, uint8_t *dst,
		  uint32_t size)
{
	const struct hone_packet_keys *keys = &build->from->keys;

	if (keys->n_of[part] > 0)
		for (int i = 0; i < N_PLACES; i++)
			if (one_in(build->from, 4)) {
				uint32_t any = below(build->from, keys->n_of[part]);

				memcpy(i ? dst : src, keys->keys[keys->first_of[part] + any].bytes,
				       size);
			}
	if (build->key && build->key->part == part)
		memcpy(build->is_place_dst ? dst : src, build->key->bytes, size);
}

/* A key that is a tuple: n bytes from its offset, where it has them. */
static void place_tuple(struct build *build, uint32_t offset, uint8_t *at, uint32_t n)
{
	if (build->key && build->key->part == HONE_KEY_TUPLE && build->key->size >= offset + n)
		memcpy(at, build->key->bytes + offset, n);
}

/* Is the key's turn for a part that needs this kind of packet? */
static bool wants(const struct build *build, enum hone_key_part part)
{
	return build->key && build->key->part == part;
}

/* ---- layer 4 ---- */

static void write_tcp(struct build *build)
{
	uint8_t *tcp = append(build, 20);

	if (!tcp)
		return;
	place(build, HONE_KEY_PORT, tcp, tcp + 2, 2);
	place_tuple(build, 8, tcp, 4);
	if (!one_in(build->from, 8))
		tcp[12] = 5 << 4;
	if (tcp[12] >> 4 > 5)
		append(build, ((uint32_t)(tcp[12] >> 4) - 5) * 4);
}

static void write_udp(struct build *build)
{
	uint32_t start = build->at;
	uint8_t *udp = append(build, 8);

	if (!udp)
		return;
	place(build, HONE_KEY_PORT, udp, udp + 2, 2);
	place_tuple(build, 8, udp, 4);
	put16(udp + 4, length_from(build, start));
}

static void write_icmp(struct build *build)
{
	static const uint8_t types[] = {0, 3, 5, 8, 11, 12, 1, 2, 4, 128, 129, 133, 135, 136};
	uint8_t *icmp = append(build, 8);

	if (icmp && !one_in(build->from, 8))
		icmp[0] = types[below(build->from, sizeof(types))];
}

static void write_ipv4(struct build *build);
static void write_ipv6(struct build *build);

static void write_gre(struct build *build)
{
	uint8_t *gre = append(build, 4);
	bool is_v6 = one_in(build->from, 2);

	if (!gre)
		return;
	if (!one_in(build->from, 4))
		gre[0] = gre[1] = 0;
	append(build, (gre[0] & 0x80 ? 4U : 0U) + (gre[0] & 0x20 ? 4U : 0U));
	put16(gre + 2, is_v6 ? 0x86dd : 0x0800);
	if (is_v6)
		write_ipv6(build);
	else
		write_ipv4(build);
}

static const struct {
	uint8_t number;
	void (*write)(struct build *build);
	bool is_nested;
} protocols[] = {
	{6, write_tcp, false},	 {17, write_udp, false}, {1, write_icmp, false},
	{58, write_icmp, false}, {4, write_ipv4, true},	 {41, write_ipv6, true},
	{47, write_gre, true},
};

enum { N_PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]), N_WITH_PORTS = 2 };

/* Index into protocols[], mostly TCP and UDP; N_PROTOCOLS: another number. */
static uint32_t pick_protocol(struct build *build)
{
	uint32_t dice = below(build->from, 16);

	if (wants(build, HONE_KEY_PORT) || dice < 11)
		return below(build->from, N_WITH_PORTS);
	return dice == 11 ? N_PROTOCOLS : below(build->from, N_PROTOCOLS);
}

static void write_layer4(struct build *build, uint32_t protocol)
{
	if (protocol >= N_PROTOCOLS)
		return;
	if (protocols[protocol].is_nested && build->depth++ >= NESTED_MAX)
		return;
	protocols[protocol].write(build);
}

static uint8_t protocol_number(struct build *build, uint32_t protocol)
{
	return protocol < N_PROTOCOLS ? protocols[protocol].number : random_byte(build->from);
}

/* ---- layer 3 ---- */

static void set_ipv4_checksum(uint8_t *ip, uint32_t size)
{
	uint32_t sum = 0;

	put16(ip + 10, 0);
	for (uint32_t i = 0; i < size; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

static void write_ipv4_fields(struct build *build, uint8_t *ip, uint32_t start, uint32_t protocol)
{
	struct hone_packets *from = build->from;

	put16(ip + 2, length_from(build, start));
	if (!one_in(from, 6))
		put16(ip + 6, one_in(from, 2) ? 0x4000 : 0); /* not a fragment */
	if (one_in(from, 8))
		ip[8] = (uint8_t)below(from, 3); /* TTL: 0, 1, 2 */
	ip[9] = protocol_number(build, protocol);
	place(build, HONE_KEY_IPV4, ip + 12, ip + 16, 4);
	place_tuple(build, 0, ip + 12, 4);
	place_tuple(build, 4, ip + 16, 4);
	place_tuple(build, 12, ip + 9, 1);
}

static void write_ipv4(struct build *build)
{
	uint32_t start = build->at, words = 5, protocol = pick_protocol(build);
	uint8_t *ip = append(build, 20);

	if (!ip)
		return;
	if (one_in(build->from, 8))
		words = below(build->from, 16);
	ip[0] = (uint8_t)((one_in(build->from, 32) ? below(build->from, 16) : 4) << 4 | words);
	if (words > 5 && !append(build, (words - 5) * 4))
		return;
	write_ipv4_fields(build, ip, start, protocol);
	if (one_in(build->from, 2))
		set_ipv4_checksum(ip, words > 5 ? words * 4 : 20);
	write_layer4(build, protocol);
}

/* One extension header; returns where its next-header byte is. */
static uint8_t *write_extension(struct build *build, uint8_t number)
{
	enum { FRAGMENT = 44, AUTHENTICATION = 51 };
	uint8_t *header = append(build, 8);
	uint32_t units = below(build->from, 4);

	if (!header)
		return NULL;
	if (number == FRAGMENT) {
		if (one_in(build->from, 2))
			put16(header + 2, 0);
		return header;
	}
	header[1] = (uint8_t)(one_in(build->from, 16) ? 255 : units);
	append(build, number == AUTHENTICATION ? units * 4 : units * 8);
	return header;
}

static void write_ipv6(struct build *build)
{
	static const uint8_t extensions[] = {0, 43, 44, 60, 51, 59, 135};
	uint32_t start = build->at, protocol = pick_protocol(build), n_extensions = 0;
	uint8_t *ip = append(build, 40), *next;

	if (!ip)
		return;
	if (!one_in(build->from, 32))
		ip[0] = (uint8_t)(0x60 | (ip[0] & 0xf));
	put16(ip + 4, length_from(build, start + 40));
	place(build, HONE_KEY_IPV6, ip + 8, ip + 24, 16);
	next = ip + 6;
	if (one_in(build->from, 3))
		n_extensions = 1 + below(build->from, 6);
	for (uint32_t i = 0; next && i < n_extensions; i++) {
		*next = extensions[below(build->from, sizeof(extensions))];
		next = write_extension(build, *next);
	}
	if (!next)
		return;
	*next = protocol_number(build, protocol);
	write_layer4(build, protocol);
}

/* ---- layer 2 ---- */

static uint32_t write_vlans(struct build *build, uint8_t *type)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	uint32_t n = one_in(build->from, 4) ? 1 + below(build->from, 4) : 0;

	for (uint32_t i = 0; i < n; i++) {
		put16(type, tags[below(build->from, one_in(build->from, 8) ? 3 : 2)]);
		type = append(build, 4);
		type += 2;
	}
	return (uint32_t)(type - build->packet->bytes);
}

static void write_ethernet(struct build *build)
{
	static const uint16_t others[] = {0x0806, 0x8847, 0x8035, 0x0001, 0x05ff, 0x88cc};
	uint8_t *ethernet = append(build, 14);
	uint8_t *type = build->packet->bytes + 12;
	uint32_t dice = below(build->from, 16);
	bool is_v6 = dice < 6;

	place(build, HONE_KEY_MAC, ethernet + 6, ethernet, 6);
	type = build->packet->bytes + write_vlans(build, type);
	if (wants(build, HONE_KEY_IPV6))
		is_v6 = true;
	else if (wants(build, HONE_KEY_IPV4) || wants(build, HONE_KEY_TUPLE))
		is_v6 = false;
	else if (dice == 15) {
		put16(type, others[below(build->from, sizeof(others) / sizeof(others[0]))]);
		return;
	}
	put16(type, is_v6 ? 0x86dd : 0x0800);
	if (is_v6)
		write_ipv6(build);
	else
		write_ipv4(build);
}

/* ---- the whole ---- */

/* Every second packet takes the next size of all; the others are near the headers. */
static uint32_t pick_size(struct hone_packets *packets)
{
	if (packets->n_made % 2 == 0)
		return HONE_PACKET_MIN + (uint32_t)(packets->n_made / 2 % N_SIZES);
	return one_in(packets, 3) ? HONE_PACKET_MIN + below(packets, 120)
				  : 60 + below(packets, 200);
}

static void flip_bits(struct hone_packets *packets, struct hone_packet *out)
{
	uint32_t n = 1 + below(packets, 3);
	uint32_t reach = out->size < 96 ? out->size : 96;

	for (uint32_t i = 0; i < n; i++)
		out->bytes[below(packets, reach)] ^= (uint8_t)(1 << below(packets, 8));
}

void hone_packets_next(struct hone_packets *packets, struct hone_packet *out)
{
	struct hone_packet_key key;
	struct build build = {.from = packets, .packet = out};
	uint32_t dice = below(packets, 16);

	out->size = pick_size(packets);
	memcpy(out->bytes, packets->pool + below(packets, POOL_BYTES - HONE_PACKET_ROOM),
	       HONE_PACKET_ROOM);
	/* the window repeats; addresses should not */
	for (uint32_t i = 0; i < 48; i += sizeof(uint64_t)) {
		uint64_t fresh = next_random(packets);

		memcpy(out->bytes + i, &fresh, sizeof(fresh));
	}
	packets->n_made++;
	if (dice == 0)
		return;
	if (packets->keys.n > 0 && dice < 9)
		take_turn(&build, &key);
	write_ethernet(&build);
	if (dice == 15)
		flip_bits(packets, out);
}

int hone_packets_new(const struct hone_unit *unit, const struct hone_maps *maps, uint64_t seed,
		     struct hone_packets **out)
{
	struct hone_packets *packets = calloc(1, sizeof(*packets));
	int err = 0;

	if (!packets)
		return -ENOMEM;
	packets->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (packets->random == 0)
		packets->random = 1;
	for (uint32_t i = 0; i < POOL_BYTES; i++)
		packets->pool[i] = random_byte(packets);
	if (maps)
		err = hone_packet_keys_read(unit, maps, HONE_PACKET_KEYS, &packets->keys);
	if (err)
		hone_packets_free(&packets);
	else
		*out = packets;
	return err;
}

void hone_packets_free(struct hone_packets **packets)
{
	if (*packets)
		hone_packet_keys_free(&(*packets)->keys);
	free(*packets);
	*packets = NULL;
}
