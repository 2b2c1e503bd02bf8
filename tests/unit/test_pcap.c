// SPDX-License-Identifier: Apache-2.0
/* pcap, packet_text: captures of either byte order are read, broken ones are told from them;
 * packets survive being written as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/deploy/packet_text.h"
#include "runtime/deploy/pcap.h"

enum { ROOM = 8192, MICROSECONDS = 0xa1b2c3d4, NANOSECONDS = 0xa1b23c4d };

static uint8_t file[ROOM];
static size_t size;
static struct hone_packet_log packets;
static struct hone_pcap_counts counts;
static char detail[HONE_DETAIL_LEN];

static int set_up(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	size = 0;
	packets = (struct hone_packet_log){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hone_packet_log_free(&packets);
	return 0;
}

static void put32(uint32_t value, bool is_swapped)
{
	value = is_swapped ? __builtin_bswap32(value) : value;
	memcpy(file + size, &value, sizeof(value));
	size += sizeof(value);
}

static void put_header(uint32_t magic, uint32_t link_type, bool is_swapped)
{
	put32(magic, is_swapped);
	for (int i = 0; i < 4; i++)
		put32(0, is_swapped);
	put32(link_type, is_swapped);
}

static void put_packet(uint32_t n, uint8_t fill, bool is_swapped)
{
	put32(0, is_swapped);
	put32(0, is_swapped);
	put32(n, is_swapped);
	put32(n, is_swapped);
	memset(file + size, fill, n);
	size += n;
}

static int read_file(void)
{
	return hone_pcap_read(file, size, &packets, &counts, detail);
}

static void assert_read(uint32_t magic, bool is_swapped)
{
	struct hone_packet packet;

	put_header(magic, 1, is_swapped);
	put_packet(60, 7, is_swapped);
	put_packet(14, 8, is_swapped);
	assert_int_equal(read_file(), 0);
	assert_int_equal(packets.n, 2);
	hone_packet_log_get(&packets, 0, &packet);
	assert_int_equal(packet.size, 60);
	assert_int_equal(packet.bytes[59], 7);
}

static void reads_this_machines_order(void **state)
{
	(void)state;
	assert_read(MICROSECONDS, false);
}

static void reads_the_other_order(void **state)
{
	(void)state;
	assert_read(MICROSECONDS, true);
}

static void reads_nanoseconds(void **state)
{
	(void)state;
	assert_read(NANOSECONDS, true);
}

static void cuts_long_packets_and_leaves_short_ones_out(void **state)
{
	struct hone_packet packet;

	(void)state;
	put_header(MICROSECONDS, 1, false);
	put_packet(4000, 1, false);
	put_packet(13, 2, false);
	assert_int_equal(read_file(), 0);
	assert_int_equal(packets.n, 1);
	assert_int_equal(counts.n_cut, 1);
	assert_int_equal(counts.n_short, 1);
	hone_packet_log_get(&packets, 0, &packet);
	assert_int_equal(packet.size, HONE_PACKET_MAX);
}

static void refuses_another_format(void **state)
{
	(void)state;
	put_header(0x0a0d0d0a, 1, false); /* pcapng */
	assert_int_equal(read_file(), -EINVAL);
	assert_non_null(strstr(detail, "classic"));
}

static void refuses_another_link_type(void **state)
{
	(void)state;
	put_header(MICROSECONDS, 113, false);
	assert_int_equal(read_file(), -EINVAL);
	assert_non_null(strstr(detail, "link type 113"));
}

static void refuses_every_cut(void **state)
{
	size_t whole;

	(void)state;
	put_header(MICROSECONDS, 1, false);
	put_packet(60, 7, false);
	for (whole = size, size = 0; size < whole; size++) {
		bool is_whole = size == 24; /* no packet at all */

		assert_int_equal(read_file(), is_whole ? 0 : -EINVAL);
	}
}

static void text_is_read_back(void **state)
{
	struct hone_packet packet = {
		.size = 20, .bytes = {1, 2, 0xab}, .context = {.mark = 5, .cb = {[4] = 0xbeef}}};
	struct hone_packet_log again = {0};
	char *text;

	(void)state;
	assert_int_equal(hone_packet_log_add(&packets, &packet), 0);
	packet.context = (struct hone_packet_context){0};
	assert_int_equal(hone_packet_log_add(&packets, &packet), 0);
	assert_int_equal(hone_packets_text(&packets, &text), 0);
	assert_int_equal(hone_packets_parse(text, &again, detail), 0);
	assert_int_equal(again.n, 2);
	hone_packet_log_get(&again, 0, &packet);
	assert_int_equal(packet.context.mark, 5);
	assert_int_equal(packet.context.cb[4], 0xbeef);
	assert_int_equal(packet.size, 20);
	assert_int_equal(packet.bytes[2], 0xab);
	free(text);
	hone_packet_log_free(&again);
}

static void broken_text_is_refused(void **state)
{
	static const char *const texts[] = {"",
					    "0102",
					    "zz",
					    "0102030405060708090a0b0c0d0e0",
					    "0102030405060708090a0b0c0d0e,",
					    "0102030405060708090a0b0c0d0e@",
					    "0102030405060708090a0b0c0d0e@1:2",
					    "0102030405060708090a0b0c0d0e@1:2:3:4:5:6:7:8"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hone_packet_log log = {0};

		assert_int_equal(hone_packets_parse(texts[i], &log, detail), -EINVAL);
		hone_packet_log_free(&log);
	}
}

#define PCAP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PCAP_TEST(reads_this_machines_order),
		PCAP_TEST(reads_the_other_order),
		PCAP_TEST(reads_nanoseconds),
		PCAP_TEST(cuts_long_packets_and_leaves_short_ones_out),
		PCAP_TEST(refuses_another_format),
		PCAP_TEST(refuses_another_link_type),
		PCAP_TEST(refuses_every_cut),
		PCAP_TEST(text_is_read_back),
		PCAP_TEST(broken_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
