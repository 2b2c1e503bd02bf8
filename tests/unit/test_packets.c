// SPDX-License-Identifier: Apache-2.0
/* packets: what a differential run sends, without maps. Keys: tests/kernel/test_check.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "runtime/deploy/packets.h"

enum { TWO_ROUNDS = 2 * (HONE_PACKET_MAX - HONE_PACKET_MIN + 1), MANY = 100000 };

static const struct hone_unit no_unit;

static struct hone_packets *packets_of(uint64_t seed)
{
	struct hone_packets *packets;

	assert_int_equal(hone_packets_new(&no_unit, NULL, seed, &packets), 0);
	return packets;
}

static void same_seed_same_packets(void **state)
{
	struct hone_packets *a = packets_of(7), *b = packets_of(7), *other = packets_of(8);
	static struct hone_packet one, same, different;
	uint32_t n_different = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		hone_packets_next(a, &one);
		hone_packets_next(b, &same);
		hone_packets_next(other, &different);
		assert_int_equal(one.size, same.size);
		assert_memory_equal(one.bytes, same.bytes, one.size);
		n_different += memcmp(one.bytes, different.bytes, HONE_PACKET_MIN) != 0;
	}
	assert_true(n_different > 4900);
	hone_packets_free(&a);
	hone_packets_free(&b);
	hone_packets_free(&other);
}

static void every_length_is_reached(void **state)
{
	struct hone_packets *packets = packets_of(1);
	static struct hone_packet packet;
	static bool seen[HONE_PACKET_MAX + 1];

	(void)state;
	for (int i = 0; i < TWO_ROUNDS; i++) {
		hone_packets_next(packets, &packet);
		assert_in_range(packet.size, HONE_PACKET_MIN, HONE_PACKET_MAX);
		seen[packet.size] = true;
	}
	for (int size = HONE_PACKET_MIN; size <= HONE_PACKET_MAX; size++)
		assert_true(seen[size]);
	hone_packets_free(&packets);
}

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* Skips tags; returns the offset behind the type, and how many tags there were. */
static uint32_t skip_vlans(const struct hone_packet *packet, uint32_t *n_tags)
{
	uint32_t at = 12;

	for (*n_tags = 0; be16(packet->bytes + at) == 0x8100 || be16(packet->bytes + at) == 0x88a8;
	     (*n_tags)++)
		at += 4;
	return at + 2;
}

struct shapes {
	uint32_t tags[6], ipv4, options, fragments, short_ihl, ipv6, other;
	uint32_t protocol[256], next_header[256], tcp_offset[16], udp_right, udp_wrong;
};

static void count_ipv4(const struct hone_packet *packet, uint32_t at, struct shapes *shapes)
{
	const uint8_t *ip = packet->bytes + at, *next = ip + (ip[0] & 0xf) * 4;
	bool is_whole = packet->size > at + 40 + 20 && (ip[0] & 0xf) >= 5;

	shapes->ipv4++;
	shapes->options += (ip[0] & 0xf) > 5;
	shapes->short_ihl += (ip[0] & 0xf) < 5;
	shapes->fragments += (be16(ip + 6) & 0x3fff) != 0;
	shapes->protocol[ip[9]]++;
	if (is_whole && ip[9] == 6)
		shapes->tcp_offset[next[12] >> 4]++;
	if (is_whole && ip[9] == 17 && be16(next + 4) == packet->size - (next - packet->bytes))
		shapes->udp_right++;
	else if (is_whole && ip[9] == 17)
		shapes->udp_wrong++;
}

static void headers_of_every_shape_occur(void **state)
{
	static const uint8_t protocols[] = {1, 4, 6, 17, 41, 47};
	static const uint8_t next_headers[] = {0, 6, 17, 43, 44, 51, 58, 59, 60};
	struct hone_packets *packets = packets_of(3);
	static struct hone_packet packet;
	static struct shapes shapes;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		uint32_t n_tags, at;

		hone_packets_next(packets, &packet);
		at = skip_vlans(&packet, &n_tags);
		shapes.tags[n_tags < 5 ? n_tags : 5]++;
		if (be16(packet.bytes + at - 2) == 0x0800)
			count_ipv4(&packet, at, &shapes);
		else if (be16(packet.bytes + at - 2) == 0x86dd)
			shapes.ipv6++, shapes.next_header[packet.bytes[at + 6]]++;
		else
			shapes.other++;
	}
	for (int n = 0; n <= 4; n++)
		assert_true(shapes.tags[n] > MANY / 100);
	assert_true(shapes.ipv4 > MANY / 4 && shapes.ipv6 > MANY / 4 && shapes.other > MANY / 50);
	assert_true(shapes.options > MANY / 100 && shapes.short_ihl > MANY / 200);
	assert_true(shapes.fragments > MANY / 100);
	assert_true(shapes.udp_right > MANY / 20 && shapes.udp_wrong > MANY / 200);
	for (size_t i = 0; i < sizeof(protocols); i++)
		assert_true(shapes.protocol[protocols[i]] > MANY / 500);
	for (size_t i = 0; i < sizeof(next_headers); i++)
		assert_true(shapes.next_header[next_headers[i]] > MANY / 500);
	for (size_t i = 0; i < 16; i++)
		assert_true(shapes.tcp_offset[i] > MANY / 5000);
	hone_packets_free(&packets);
}

/* Printed, not asserted. */
static void tells_its_rate(void **state)
{
	struct hone_packets *packets = packets_of(4);
	static struct hone_packet packet;
	struct timespec from, to;
	double seconds;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 10 * MANY; i++)
		hone_packets_next(packets, &packet);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	print_message("%.2f M packets/s\n", 10 * MANY / seconds / 1e6);
	hone_packets_free(&packets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_packets),
		cmocka_unit_test(every_length_is_reached),
		cmocka_unit_test(headers_of_every_shape_occur),
		cmocka_unit_test(tells_its_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
