// SPDX-License-Identifier: Apache-2.0
/* packet_build: a frame, layer by layer.
 *
 * When:  for most packets of a differential run.
 * Does:  each field right most of the time and wrong now and then; places keys of the maps.
 * Not:   checksums that are right (programs cannot verify payloads cheaply anyway; the header
 *        checksum of IPv4 is right half of the time); the end of the packet, which may cut all. */
#include "runtime/deploy/packet_build.h"

#include <string.h>

enum { NESTED_MAX = 2, N_PLACES = 2 };

/* Room for `size` more bytes of headers, filled with the payload's random bytes; NULL: full. */
static uint8_t *append(struct hone_packet_build *build, uint32_t size)
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

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* What is left of the packet behind offset `from`: the right length field, mostly. */
static uint32_t length_from(struct hone_packet_build *build, uint32_t from)
{
	if (hone_one_in(build->random, 12))
		return hone_below(build->random, 1 << 16);
	return build->packet->size > from ? build->packet->size - from : 0;
}

/* ---- keys ---- */

/* Source at `src`, destination at `dst`: the turn's key at its place; any other one sometimes. */
static void place(struct hone_packet_build *build, enum hone_key_part part, uint8_t *src,
		  uint8_t *dst, uint32_t size)
{
	const struct hone_packet_keys *keys = build->keys;

	if (keys->n_of[part] > 0)
		for (int i = 0; i < N_PLACES; i++)
			if (hone_one_in(build->random, 4)) {
				uint32_t any = hone_below(build->random, keys->n_of[part]);

				memcpy(i ? dst : src, keys->keys[keys->first_of[part] + any].bytes,
				       size);
			}
	if (build->key && build->key->part == part)
		memcpy(build->is_place_dst ? dst : src, build->key->bytes, size);
}

/* A key that is a tuple: n bytes from its offset, where it has them. */
static void place_tuple(struct hone_packet_build *build, uint32_t offset, uint8_t *at, uint32_t n)
{
	if (build->key && build->key->part == HONE_KEY_TUPLE && build->key->size >= offset + n)
		memcpy(at, build->key->bytes + offset, n);
}

/* Is the key's turn for a part that needs this kind of packet? */
static bool wants(const struct hone_packet_build *build, enum hone_key_part part)
{
	return build->key && build->key->part == part;
}

/* ---- layer 4 ---- */

static void write_tcp(struct hone_packet_build *build)
{
	uint8_t *tcp = append(build, 20);

	if (!tcp)
		return;
	place(build, HONE_KEY_PORT, tcp, tcp + 2, 2);
	place_tuple(build, 8, tcp, 4);
	if (!hone_one_in(build->random, 8))
		tcp[12] = 5 << 4;
	if (tcp[12] >> 4 > 5)
		append(build, ((uint32_t)(tcp[12] >> 4) - 5) * 4);
}

static void write_ipv4(struct hone_packet_build *build);
static void write_ipv6(struct hone_packet_build *build);
static void write_layer3(struct hone_packet_build *build, bool is_v6);

/* RFC 7348: flags, network number, a frame. */
static void write_vxlan(struct hone_packet_build *build)
{
	uint8_t *vxlan = append(build, 8);

	if (!vxlan)
		return;
	if (!hone_one_in(build->random, 8))
		put32(vxlan, 0x08000000);
	if (hone_one_in(build->random, 2))
		put32(vxlan + 4, hone_below(build->random, 256) << 8);
	hone_packet_build(build);
}

/* 3GPP TS 29.281, 5.1: a G-PDU, sometimes with the optional word and an extension header. */
static void write_gtp(struct hone_packet_build *build)
{
	enum { G_PDU = 255, PDU_SESSION = 0x85, HAS_EXTENSION = 4 };
	uint32_t flags = hone_one_in(build->random, 3) ? hone_below(build->random, 8) : 0;
	uint8_t *gtp = append(build, 8), *optional;

	if (!gtp)
		return;
	gtp[0] = (uint8_t)(0x30 | flags);
	gtp[1] = hone_one_in(build->random, 8) ? (uint8_t)hone_below(build->random, 27) : G_PDU;
	put16(gtp + 2, length_from(build, build->at));
	if (hone_one_in(build->random, 2))
		put32(gtp + 4, hone_below(build->random, 256));
	optional = flags ? append(build, 4) : NULL;
	if (optional && flags & HAS_EXTENSION) {
		uint8_t *extension = append(build, 4);

		optional[3] = PDU_SESSION;
		if (extension) {
			extension[0] = 1;
			extension[3] = 0;
		}
	}
	write_layer3(build, hone_one_in(build->random, 3));
}

static const struct {
	uint16_t port;
	void (*write)(struct hone_packet_build *build);
} tunnels[] = {{4789, write_vxlan}, {2152, write_gtp}};

enum { N_TUNNELS = sizeof(tunnels) / sizeof(tunnels[0]) };

static void write_udp(struct hone_packet_build *build)
{
	uint32_t start = build->at, tunnel = hone_below(build->random, 8);
	uint8_t *udp = append(build, 8);

	if (!udp)
		return;
	place(build, HONE_KEY_PORT, udp, udp + 2, 2);
	place_tuple(build, 8, udp, 4);
	put16(udp + 4, length_from(build, start));
	if (tunnel >= N_TUNNELS || wants(build, HONE_KEY_PORT) || build->depth++ >= NESTED_MAX)
		return;
	put16(udp + 2, tunnels[tunnel].port);
	tunnels[tunnel].write(build);
}

static void write_icmp(struct hone_packet_build *build)
{
	static const uint8_t types[] = {0, 3, 5, 8, 11, 12, 1, 2, 4, 128, 129, 133, 135, 136};
	uint8_t *icmp = append(build, 8);

	if (icmp && !hone_one_in(build->random, 8))
		icmp[0] = types[hone_below(build->random, sizeof(types))];
}

static void write_gre(struct hone_packet_build *build)
{
	uint8_t *gre = append(build, 4);
	bool is_v6 = hone_one_in(build->random, 2);

	if (!gre)
		return;
	if (!hone_one_in(build->random, 4))
		gre[0] = gre[1] = 0;
	append(build, (gre[0] & 0x80 ? 4U : 0U) + (gre[0] & 0x20 ? 4U : 0U));
	put16(gre + 2, is_v6 ? 0x86dd : 0x0800);
	write_layer3(build, is_v6);
}

static const struct {
	uint8_t number;
	void (*write)(struct hone_packet_build *build);
	bool is_nested;
} protocols[] = {
	{6, write_tcp, false},	 {17, write_udp, false}, {1, write_icmp, false},
	{58, write_icmp, false}, {4, write_ipv4, true},	 {41, write_ipv6, true},
	{47, write_gre, true},
};

enum { N_PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]), N_WITH_PORTS = 2 };

/* Index into protocols[], mostly TCP and UDP; N_PROTOCOLS: another number. */
static uint32_t pick_protocol(struct hone_packet_build *build)
{
	uint32_t dice = hone_below(build->random, 16);

	if (wants(build, HONE_KEY_PORT) || dice < 11)
		return hone_below(build->random, N_WITH_PORTS);
	return dice == 11 ? N_PROTOCOLS : hone_below(build->random, N_PROTOCOLS);
}

static void write_layer4(struct hone_packet_build *build, uint32_t protocol)
{
	if (protocol >= N_PROTOCOLS)
		return;
	if (protocols[protocol].is_nested && build->depth++ >= NESTED_MAX)
		return;
	protocols[protocol].write(build);
}

static uint8_t protocol_number(struct hone_packet_build *build, uint32_t protocol)
{
	return protocol < N_PROTOCOLS ? protocols[protocol].number
				      : (uint8_t)hone_random(build->random);
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

static void write_ipv4_fields(struct hone_packet_build *build, uint8_t *ip, uint32_t start,
			      uint32_t protocol)
{
	put16(ip + 2, length_from(build, start));
	if (!hone_one_in(build->random, 6))
		put16(ip + 6, hone_one_in(build->random, 2) ? 0x4000 : 0); /* not a fragment */
	if (hone_one_in(build->random, 8))
		ip[8] = (uint8_t)hone_below(build->random, 3); /* TTL: 0, 1, 2 */
	ip[9] = protocol_number(build, protocol);
	place(build, HONE_KEY_IPV4, ip + 12, ip + 16, 4);
	place_tuple(build, 0, ip + 12, 4);
	place_tuple(build, 4, ip + 16, 4);
	place_tuple(build, 12, ip + 9, 1);
}

static void write_ipv4(struct hone_packet_build *build)
{
	uint32_t start = build->at, words = 5, protocol = pick_protocol(build);
	uint8_t *ip = append(build, 20);

	if (!ip)
		return;
	if (hone_one_in(build->random, 8))
		words = hone_below(build->random, 16);
	ip[0] = (uint8_t)((hone_one_in(build->random, 32) ? hone_below(build->random, 16) : 4)
				  << 4 |
			  words);
	if (words > 5 && !append(build, (words - 5) * 4))
		return;
	write_ipv4_fields(build, ip, start, protocol);
	if (hone_one_in(build->random, 2))
		set_ipv4_checksum(ip, words > 5 ? words * 4 : 20);
	write_layer4(build, protocol);
}

/* One extension header; returns where its next-header byte is. */
static uint8_t *write_extension(struct hone_packet_build *build, uint8_t number)
{
	enum { FRAGMENT = 44, AUTHENTICATION = 51 };
	uint8_t *header = append(build, 8);
	uint32_t units = hone_below(build->random, 4);

	if (!header)
		return NULL;
	if (number == FRAGMENT) {
		if (hone_one_in(build->random, 2))
			put16(header + 2, 0);
		return header;
	}
	header[1] = (uint8_t)(hone_one_in(build->random, 16) ? 255 : units);
	append(build, number == AUTHENTICATION ? units * 4 : units * 8);
	return header;
}

static void write_ipv6(struct hone_packet_build *build)
{
	static const uint8_t extensions[] = {0, 43, 44, 60, 51, 59, 135};
	uint32_t start = build->at, protocol = pick_protocol(build), n_extensions = 0;
	uint8_t *ip = append(build, 40), *next;

	if (!ip)
		return;
	if (!hone_one_in(build->random, 32))
		ip[0] = (uint8_t)(0x60 | (ip[0] & 0xf));
	put16(ip + 4, length_from(build, start + 40));
	place(build, HONE_KEY_IPV6, ip + 8, ip + 24, 16);
	next = ip + 6;
	if (hone_one_in(build->random, 3))
		n_extensions = 1 + hone_below(build->random, 6);
	for (uint32_t i = 0; next && i < n_extensions; i++) {
		*next = extensions[hone_below(build->random, sizeof(extensions))];
		next = write_extension(build, *next);
	}
	if (!next)
		return;
	*next = protocol_number(build, protocol);
	write_layer4(build, protocol);
}

static void write_layer3(struct hone_packet_build *build, bool is_v6)
{
	if (is_v6)
		write_ipv6(build);
	else
		write_ipv4(build);
}

/* ---- layer 2 ---- */

/* Where the type behind the tags is; NULL: no room. */
static uint8_t *write_vlans(struct hone_packet_build *build, uint8_t *type)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	uint32_t n = hone_one_in(build->random, 4) ? 1 + hone_below(build->random, 4) : 0;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *tag = append(build, 4);

		if (!tag)
			return NULL;
		put16(type, tags[hone_below(build->random, hone_one_in(build->random, 8) ? 3 : 2)]);
		type = tag + 2;
	}
	return type;
}

void hone_packet_build(struct hone_packet_build *build)
{
	static const uint16_t others[] = {0x0806, 0x8847, 0x8035, 0x0001, 0x05ff, 0x88cc};
	uint8_t *ethernet = append(build, 14), *type;
	uint32_t dice = hone_below(build->random, 16);
	bool is_v6 = dice < 6;

	if (!ethernet)
		return;
	place(build, HONE_KEY_MAC, ethernet + 6, ethernet, 6);
	type = write_vlans(build, ethernet + 12);
	if (!type)
		return;
	if (wants(build, HONE_KEY_IPV6))
		is_v6 = true;
	else if (wants(build, HONE_KEY_IPV4) || wants(build, HONE_KEY_TUPLE))
		is_v6 = false;
	else if (dice == 15) {
		put16(type, others[hone_below(build->random, sizeof(others) / sizeof(others[0]))]);
		return;
	}
	put16(type, is_v6 ? 0x86dd : 0x0800);
	write_layer3(build, is_v6);
}
