// SPDX-License-Identifier: Apache-2.0
/* test_router: what the router does to single frames, by RFC 1812 and RFC 1624, and that its
 * loader loads all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/kernel/router_bench.h"

static const char *const config_text =
	"{\"ports\": ["
	"  {\"interface\": \"r0\", \"mac\": \"02:00:00:00:00:10\","
	"   \"addresses\": [\"10.0.0.1/24\", \"10.0.8.1/24\", \"10.0.9.1/31\"]},"
	"  {\"interface\": \"r1\", \"mac\": \"02:00:00:00:00:11\", \"mtu\": 1400,"
	"   \"addresses\": [\"10.0.1.1/24\"]}],"
	" \"routes\": ["
	"  {\"to\": \"0.0.0.0/1\", \"via\": \"10.0.1.2\", \"port\": \"r1\"},"
	"  {\"to\": \"20.1.0.0/16\", \"via\": \"10.0.1.3\", \"port\": \"r1\"},"
	"  {\"to\": \"20.1.2.0/24\", \"blackhole\": true},"
	"  {\"to\": \"30.0.0.0/8\", \"via\": \"10.0.1.99\", \"port\": \"r1\"}],"
	" \"neighbours\": ["
	"  {\"address\": \"10.0.1.2\", \"mac\": \"02:00:00:00:00:a2\", \"port\": \"r1\"},"
	"  {\"address\": \"10.0.1.3\", \"mac\": \"02:00:00:00:00:a3\", \"port\": \"r1\"}]}";

static const uint8_t r0_mac[6] = {2, 0, 0, 0, 0, 0x10};
static const uint8_t r1_mac[6] = {2, 0, 0, 0, 0, 0x11};
static const uint8_t sender_mac[6] = {2, 0, 0, 0, 0, 0x99};
static const uint8_t near_mac[6] = {2, 0, 0, 0, 0, 0xa2};
static const uint8_t far_mac[6] = {2, 0, 0, 0, 0, 0xa3};

static struct router_bench bench;

/* ---- frames ---- */

struct frame {
	size_t size, ip_at;
	uint8_t bytes[FRAME_MAX];
};

static uint16_t ip_sum(const uint8_t *header, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_ip(uint8_t *at, const char *text)
{
	assert_int_equal(inet_pton(AF_INET, text, at), 1);
}

static uint8_t *ip_of(struct frame *frame)
{
	return frame->bytes + frame->ip_at;
}

static void fix_sum(struct frame *frame)
{
	uint8_t *ip = ip_of(frame);

	put16(ip + 10, 0);
	put16(ip + 10, ip_sum(ip, 20));
}

/* An IPv4 frame to the router: n_tags VLAN tags, TTL 64, ip_size bytes from the IP header on. */
static struct frame make_frame(const char *to, size_t n_tags, size_t ip_size)
{
	struct frame frame = {.size = 14 + 4 * n_tags + ip_size, .ip_at = 14 + 4 * n_tags};
	uint8_t *ip = ip_of(&frame);

	for (size_t i = 0; i < frame.size; i++)
		frame.bytes[i] = (uint8_t)(i * 7);
	memcpy(frame.bytes, r0_mac, 6);
	memcpy(frame.bytes + 6, sender_mac, 6);
	for (size_t i = 0; i < n_tags; i++) {
		put16(frame.bytes + 12 + 4 * i, i + 1 < n_tags ? ETH_P_8021AD : ETH_P_8021Q);
		put16(frame.bytes + 14 + 4 * i, (uint16_t)(0x2064 + i));
	}
	put16(frame.bytes + 12 + 4 * n_tags, ETH_P_IP);
	ip[0] = 0x45;
	ip[1] = 0;
	put16(ip + 2, (uint16_t)ip_size);
	put16(ip + 6, 0);
	ip[8] = 64;
	ip[9] = 17;
	put_ip(ip + 12, "10.0.0.50");
	put_ip(ip + 16, to);
	fix_sum(&frame);
	return frame;
}

/* ---- expectations ---- */

static void expect_untouched(const struct frame *frame, uint32_t verdict, int counter)
{
	struct bench_run run;

	bench_run(&bench, frame->bytes, frame->size, &run);
	assert_int_equal(run.verdict, verdict);
	assert_int_equal(run.counter, counter);
	assert_int_equal(run.size, frame->size);
	assert_memory_equal(run.frame, frame->bytes, frame->size);
}

/* MACs, TTL and checksum are new, each other byte is the old one. */
static void expect_forwarded(const struct frame *frame, const uint8_t *to)
{
	struct frame want = *frame;
	struct bench_run run;

	memcpy(want.bytes, to, 6);
	memcpy(want.bytes + 6, r1_mac, 6);
	ip_of(&want)[8]--;
	fix_sum(&want);
	bench_run(&bench, frame->bytes, frame->size, &run);
	assert_int_equal(run.verdict, XDP_REDIRECT);
	assert_int_equal(run.counter, ROUTER_FORWARDED);
	assert_int_equal(run.size, want.size);
	assert_memory_equal(run.frame, want.bytes, want.size);
}

static void expect_address(const char *to, uint32_t verdict, int counter)
{
	struct frame frame = make_frame(to, 0, 50);

	expect_untouched(&frame, verdict, counter);
}

/* ---- packets ---- */

static void forwards_to_the_next_hop(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	expect_forwarded(&frame, near_mac);
}

static void takes_the_longest_prefix(void **state)
{
	struct frame frame = make_frame("20.1.3.4", 0, 50);

	(void)state;
	expect_forwarded(&frame, far_mac);
	expect_address("20.1.2.4", XDP_DROP, ROUTER_BLACKHOLE);
	frame = make_frame("20.2.0.1", 0, 50);
	expect_forwarded(&frame, near_mac);
}

static void reaches_connected_neighbours(void **state)
{
	struct frame frame = make_frame("10.0.1.3", 0, 50);

	(void)state;
	expect_forwarded(&frame, far_mac);
	expect_address("10.0.1.4", XDP_PASS, ROUTER_NO_NEIGHBOUR);
	expect_address("30.1.1.1", XDP_PASS, ROUTER_NO_NEIGHBOUR);
}

/* All identifications, so that the sum runs through every value and carry. */
static void updates_every_checksum(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 20);

	(void)state;
	for (uint32_t id = 0; id < 65536; id++) {
		put16(ip_of(&frame) + 4, (uint16_t)id);
		fix_sum(&frame);
		expect_forwarded(&frame, near_mac);
	}
}

static void leaves_a_wrong_checksum_wrong(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);
	struct bench_run run;

	(void)state;
	ip_of(&frame)[11] ^= 1;
	bench_run(&bench, frame.bytes, frame.size, &run);
	assert_int_equal(run.verdict, XDP_REDIRECT);
	assert_int_not_equal(ip_sum(run.frame + 14, 20), 0);
}

static void gives_used_up_ttl_to_the_stack(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		ip_of(&frame)[8] = ttl;
		fix_sum(&frame);
		expect_untouched(&frame, XDP_PASS, ROUTER_TTL);
	}
	ip_of(&frame)[8] = 2;
	fix_sum(&frame);
	expect_forwarded(&frame, near_mac);
}

static void gives_unknown_routes_to_the_stack(void **state)
{
	(void)state;
	expect_address("200.0.0.1", XDP_PASS, ROUTER_NO_ROUTE);
}

static void knows_its_own_addresses(void **state)
{
	struct frame frame = make_frame("10.0.9.0", 0, 50);

	(void)state;
	expect_address("10.0.0.1", XDP_PASS, ROUTER_LOCAL);
	expect_address("10.0.8.1", XDP_PASS, ROUTER_LOCAL);   /* secondary */
	expect_address("10.0.9.1", XDP_PASS, ROUTER_LOCAL);   /* last secondary */
	expect_address("10.0.1.1", XDP_PASS, ROUTER_LOCAL);   /* of the other port */
	expect_address("10.0.0.255", XDP_PASS, ROUTER_LOCAL); /* directed broadcast */
	expect_address("10.0.8.255", XDP_PASS, ROUTER_LOCAL);
	/* a /31 has no broadcast address: its other end is a neighbour (not known here) */
	expect_untouched(&frame, XDP_PASS, ROUTER_NO_NEIGHBOUR);
}

static void leaves_groups_to_the_stack(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	memset(frame.bytes, 0xff, 6);
	expect_untouched(&frame, XDP_PASS, ROUTER_GROUP);
	memcpy(frame.bytes, "\x01\x00\x5e\x00\x00\x05", 6);
	expect_untouched(&frame, XDP_PASS, ROUTER_GROUP);
	expect_address("255.255.255.255", XDP_PASS, ROUTER_GROUP);
	expect_address("224.0.0.5", XDP_PASS, ROUTER_GROUP);
}

static void drops_frames_for_other_stations(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	for (int i = 0; i < 6; i++) {
		frame.bytes[i] ^= 0x40;
		expect_untouched(&frame, XDP_DROP, ROUTER_OTHER_STATION);
		frame.bytes[i] ^= 0x40;
	}
}

static void drops_banned_addresses(void **state)
{
	static const char *const sources[] = {"127.0.0.1", "224.0.0.1", "255.255.255.255"};
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put_ip(ip_of(&frame) + 12, sources[i]);
		fix_sum(&frame);
		expect_untouched(&frame, XDP_DROP, ROUTER_BAD_ADDRESS);
	}
	expect_address("127.1.2.3", XDP_DROP, ROUTER_BAD_ADDRESS);
}

static void leaves_vlan_tags_untouched(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 1, 50);

	(void)state;
	expect_forwarded(&frame, near_mac);
	frame = make_frame("8.8.8.8", 2, 50);
	expect_forwarded(&frame, near_mac);
	frame = make_frame("8.8.8.8", 3, 50);
	expect_untouched(&frame, XDP_PASS, ROUTER_NOT_IPV4);
}

static void leaves_options_to_the_stack(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	ip_of(&frame)[0] = 0x46;
	expect_untouched(&frame, XDP_PASS, ROUTER_OPTIONS);
}

static void drops_contradicting_headers(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} faults[] = {{0, 0x44}, {0, 0x65}, {3, 19}, {3, 51}, {2, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct frame frame = make_frame("8.8.8.8", 0, 50);

		ip_of(&frame)[faults[i].at] = faults[i].value;
		expect_untouched(&frame, XDP_DROP, ROUTER_BAD_HEADER);
	}
}

static void forwards_padded_frames(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 46);

	(void)state;
	put16(ip_of(&frame) + 2, 20);
	fix_sum(&frame);
	expect_forwarded(&frame, near_mac);
}

static void leaves_what_exceeds_the_mtu_to_the_stack(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 1400);

	(void)state;
	expect_forwarded(&frame, near_mac);
	frame = make_frame("8.8.8.8", 0, 1401);
	expect_untouched(&frame, XDP_PASS, ROUTER_TOO_BIG);
}

static void leaves_other_protocols_to_the_stack(void **state)
{
	struct frame frame = make_frame("8.8.8.8", 0, 50);

	(void)state;
	put16(frame.bytes + 12, ETH_P_ARP);
	expect_untouched(&frame, XDP_PASS, ROUTER_NOT_IPV4);
	put16(frame.bytes + 12, ETH_P_IPV6);
	expect_untouched(&frame, XDP_PASS, ROUTER_NOT_IPV4);
}

static void survives_every_length(void **state)
{
	(void)state;
	for (size_t size = 14; size < 14 + 20; size++) {
		struct frame frame = make_frame("8.8.8.8", 0, 50);

		frame.size = size;
		expect_untouched(&frame, XDP_PASS, ROUTER_NOT_IPV4);
	}
	for (size_t size = 14 + 20; size < 14 + 50; size++) {
		struct frame frame = make_frame("8.8.8.8", 0, 50);

		frame.size = size; /* shorter than the header says */
		expect_untouched(&frame, XDP_DROP, ROUTER_BAD_HEADER);
	}
}

static int load_router(void **state)
{
	char said[1024];

	(void)state;
	if (bench_router(&bench, "load", config_text, said, sizeof(said))) {
		print_error("%s", said);
		return -1;
	}
	bench_open(&bench);
	return 0;
}

static int unload_router(void **state)
{
	char said[1024];

	(void)state;
	bench_close(&bench);
	return bench_router(&bench, "unload", NULL, said, sizeof(said));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_to_the_next_hop),
		cmocka_unit_test(takes_the_longest_prefix),
		cmocka_unit_test(reaches_connected_neighbours),
		cmocka_unit_test(updates_every_checksum),
		cmocka_unit_test(leaves_a_wrong_checksum_wrong),
		cmocka_unit_test(gives_used_up_ttl_to_the_stack),
		cmocka_unit_test(gives_unknown_routes_to_the_stack),
		cmocka_unit_test(knows_its_own_addresses),
		cmocka_unit_test(leaves_groups_to_the_stack),
		cmocka_unit_test(drops_frames_for_other_stations),
		cmocka_unit_test(drops_banned_addresses),
		cmocka_unit_test(leaves_vlan_tags_untouched),
		cmocka_unit_test(leaves_options_to_the_stack),
		cmocka_unit_test(drops_contradicting_headers),
		cmocka_unit_test(forwards_padded_frames),
		cmocka_unit_test(leaves_what_exceeds_the_mtu_to_the_stack),
		cmocka_unit_test(leaves_other_protocols_to_the_stack),
		cmocka_unit_test(survives_every_length),
	};

	bench_enter_namespace(&bench);
	return cmocka_run_group_tests(tests, load_router, unload_router);
}
