// SPDX-License-Identifier: Apache-2.0
/* passes: Debian's xdp-filter objects under many rule sets, compiled at levels 1 and 2 from
 * snapshots of real maps: the verifier accepts the image, and verdict, packet bytes and all maps
 * are the original's, for every key, its neighbours, and much else. Prints instruction counts.
 *
 * The image runs on copies of the original's maps, with a valid guard; a packet that fell back
 * to the original would prove nothing, so the fallback counter has to stay zero. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/bpf.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/sandbox.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"
#include "tests/tools/specialize.h"

enum {
	PACKETS = 20000,
	BATCH = 1000,
	PACKET_BYTES_MAX = 128,
	FIRST_PORT = 8300, /* its bit is in the upper half of a bitmap's word */
	BOTH = FILTER_SRC | FILTER_DST,
	ANY_PORT = FILTER_SRC | FILTER_DST | FILTER_TCP | FILTER_UDP,
};

/* ---- scenarios ---- */

struct scenario {
	const char *name;
	const char *variant; /* of xdp-filter */
	uint32_t n_ipv4, n_ipv6, n_ports, n_macs;
	uint64_t flags, port_flags;
	uint32_t n_folded[2]; /* sites that a pass rewrites at levels 1 and 2 */
};

static const struct scenario scenarios[] = {
	{"no rules", "dny_all", 0, 0, 0, 0, 0, 0, {6, 10}},
	{"no rules, allow", "alw_all", 0, 0, 0, 0, 0, 0, {6, 10}},
	{"1 ipv4", "dny_all", 1, 0, 0, 0, FILTER_DST, 0, {4, 10}},
	{"10 ipv4", "dny_all", 10, 0, 0, 0, BOTH, 0, {4, 10}},
	{"1000 ipv4", "dny_all", 1000, 0, 0, 0, BOTH, 0, {4, 10}},
	{"1000 ipv4, allow", "alw_ip", 1000, 0, 0, 0, FILTER_SRC, 0, {2, 4}},
	{"100 ipv6", "dny_ip", 0, 100, 0, 0, BOTH, 0, {2, 4}},
	{"1000 ipv6", "dny_all", 0, 1000, 0, 0, FILTER_DST, 0, {4, 10}},
	{"3 ports", "dny_all", 0, 0, 3, 0, 0, ANY_PORT, {6, 10}},
	{"500 tcp ports", "dny_tcp", 0, 0, 500, 0, 0, FILTER_DST | FILTER_TCP, {0, 2}},
	{"20 udp ports", "alw_udp", 0, 0, 20, 0, 0, FILTER_SRC | FILTER_UDP, {0, 2}},
	{"50 macs", "dny_eth", 0, 0, 0, 50, BOTH, 0, {0, 2}},
	{"all kinds", "dny_all", 10, 10, 10, 10, BOTH, ANY_PORT, {0, 10}},
};

/* A variant has only the maps of what it filters. */
static void add_rules(const struct object_unit *filter, const struct scenario *s)
{
	if (s->n_ipv4)
		assert_int_equal(filter_add_ipv4(filter, 1, s->n_ipv4, s->flags), 0);
	if (s->n_ipv6)
		assert_int_equal(filter_add_ipv6(filter, 1, s->n_ipv6, s->flags), 0);
	if (s->n_ports)
		assert_int_equal(filter_add_ports(filter, FIRST_PORT, s->n_ports, s->port_flags),
				 0);
	if (s->n_macs)
		assert_int_equal(filter_add_macs(filter, 1, s->n_macs, s->flags), 0);
}

/* ---- packets ---- */

struct packet {
	uint8_t bytes[PACKET_BYTES_MAX];
	uint32_t size;
};

/* A rule's number, one next to it, or one far off; each rule and neighbour comes in turn. */
static uint32_t pick(uint32_t n_rules, uint32_t turn)
{
	if (n_rules == 0 || turn % 4 == 3)
		return (uint32_t)rand();
	return turn / 4 % (n_rules + 2);
}

static void put_mac(uint8_t *at, uint32_t number)
{
	number = htonl(number);
	at[0] = 2;
	at[1] = 0;
	memcpy(at + 2, &number, sizeof(number));
}

static uint8_t *put_ports(const struct scenario *s, uint8_t *at, uint32_t turn, uint8_t proto)
{
	uint16_t source = htons((uint16_t)(FIRST_PORT - 1 + pick(s->n_ports, turn)));
	uint16_t destination = htons((uint16_t)(FIRST_PORT - 1 + pick(s->n_ports, turn / 3)));
	uint16_t udp_bytes = htons(turn % 16 ? 20 : 4);

	memcpy(at, &source, sizeof(source));
	memcpy(at + 2, &destination, sizeof(destination));
	if (proto == IPPROTO_UDP)
		memcpy(at + 4, &udp_bytes, sizeof(udp_bytes));
	else
		at[12] = (uint8_t)(turn % 16 ? 0x50 : rand());
	return at + 20;
}

static uint8_t pick_proto(uint32_t turn)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_UDP,
					 IPPROTO_ICMP};

	return protos[turn % sizeof(protos)];
}

static uint8_t *put_ipv4(const struct scenario *s, uint8_t *at, uint32_t turn)
{
	uint32_t source = htonl(0x0a000000 + pick(s->n_ipv4, turn));
	uint32_t destination = htonl(0x0a000000 + pick(s->n_ipv4, turn / 5));
	uint8_t words = turn % 32 ? 5 : (uint8_t)(turn / 32 % 16);

	at[0] = (uint8_t)(0x40 | words);
	at[9] = pick_proto(turn);
	memcpy(at + 12, &source, sizeof(source));
	memcpy(at + 16, &destination, sizeof(destination));
	return put_ports(s, at + 20, turn, at[9]);
}

static uint8_t *put_ipv6(const struct scenario *s, uint8_t *at, uint32_t turn)
{
	uint32_t source = htonl(pick(s->n_ipv6, turn));
	uint32_t destination = htonl(pick(s->n_ipv6, turn / 5));

	at[0] = 0x60;
	at[6] = pick_proto(turn);
	at[8] = 0xfd;
	memcpy(at + 20, &source, sizeof(source));
	at[24] = 0xfd;
	memcpy(at + 36, &destination, sizeof(destination));
	return put_ports(s, at + 40, turn, at[6]);
}

static void build_packet(const struct scenario *s, uint32_t turn, struct packet *packet)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0800, 0x86dd, 0x0806};
	uint16_t type = types[rand() % 5], network_type = htons(type);
	uint8_t *end;

	memset(packet, 0, sizeof(*packet));
	put_mac(packet->bytes, pick(s->n_macs, turn));
	put_mac(packet->bytes + 6, pick(s->n_macs, turn / 5));
	memcpy(packet->bytes + 12, &network_type, sizeof(network_type));
	if (type == 0x86dd)
		end = put_ipv6(s, packet->bytes + 14, turn);
	else
		end = put_ipv4(s, packet->bytes + 14, turn);
	packet->size = (uint32_t)(end - packet->bytes);
	if (turn % 8 == 0) /* cut short, anywhere that the kernel takes */
		packet->size = 14 + (uint32_t)rand() % (packet->size - 13);
}

/* ---- original against image ---- */

struct subject {
	struct object_unit original;
	struct hone_result result;
	struct hone_maps copies;
	struct pair pair;
};

static void open_subject(const struct scenario *s, unsigned int level, struct subject *subject)
{
	const struct hone_unit *unit = &subject->original.unit;
	char detail[HONE_DETAIL_LEN] = "";
	char path[128];

	memset(subject, 0, sizeof(*subject));
	snprintf(path, sizeof(path), XDP_FILTER_OBJECT("%s"), s->variant);
	assert_int_equal(object_unit_open(path, NULL, &subject->original), 0);
	add_rules(&subject->original, s);
	assert_int_equal(specialize(&subject->original, level, &subject->result), 0);
	if (subject->result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_id(subject->result.refused), subject->result.detail);
	assert_int_equal(hone_maps_clone(unit, &subject->original.maps, &subject->copies, detail),
			 0);
	if (pair_load(unit, &subject->original.maps, &subject->copies, &subject->result.image,
		      &subject->pair))
		fail_msg("the verifier refuses the image: %s", subject->pair.detail);
}

static void close_subject(struct subject *subject)
{
	pair_close(&subject->pair);
	hone_maps_close(&subject->copies);
	hone_result_free(&subject->result);
	object_unit_close(&subject->original);
}

static void expect_equal_maps(const struct subject *subject)
{
	char detail[HONE_DETAIL_LEN] = "";

	if (hone_maps_equal(&subject->original.unit, &subject->original.maps, &subject->copies,
			    detail) != 1)
		fail_msg("maps differ: %s", detail);
}

static void expect_equal(const struct scenario *s, struct subject *subject)
{
	uint32_t n_verdicts[8] = {0}, verdict;
	struct packet packet;

	for (uint32_t turn = 0; turn < PACKETS; turn++) {
		build_packet(s, turn, &packet);
		if (!pair_agrees(&subject->pair, packet.bytes, packet.size, &verdict))
			fail_msg("%s", subject->pair.detail);
		n_verdicts[verdict % 8]++;
		if (turn % BATCH == BATCH - 1)
			expect_equal_maps(subject);
	}
	printf(" drop %u pass %u", n_verdicts[XDP_DROP], n_verdicts[XDP_PASS]);
	assert_int_equal(pair_count(&subject->pair, HONE_COUNT_FALLBACK), 0);
}

static uint32_t count_folded(const struct hone_result *result)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < result->n_sites; i++)
		n += result->sites[i].reason == HONE_REWRITTEN;
	return n;
}

static void compare(const struct scenario *s, unsigned int level)
{
	struct subject subject;

	open_subject(s, level, &subject);
	printf("%-18s level %u: %4u -> %4u insns, folded %u of %u, table %u bytes,", s->name, level,
	       subject.original.unit.n_insns, subject.result.image.n_insns,
	       count_folded(&subject.result), subject.result.n_sites,
	       subject.result.image.table_bytes);
	expect_equal(s, &subject);
	printf("\n");
	assert_int_equal(count_folded(&subject.result), s->n_folded[level - 1]);
	close_subject(&subject);
}

static void images_equal_their_originals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		for (unsigned int level = 1; level <= 2; level++)
			compare(&scenarios[i], level);
}

/* ---- set up ---- */

static int set_up(void **state)
{
	static cpu_set_t was;

	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("dny_all"));
	srand(1);
	return hone_cpu_pin(&was); /* per-CPU values can only be equal on one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_equal_their_originals),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
