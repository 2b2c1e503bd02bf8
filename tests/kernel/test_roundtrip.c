// SPDX-License-Identifier: Apache-2.0
/* roundtrip: unmodified programs through the whole compiler at level 0: the verifier takes what
 * comes out, and it decides every packet as the original does. Needs BPF, Debian's xdp-filter. */
#include <errno.h>
#include <linux/types.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "tests/tools/asm.h"
#include "tests/tools/honec.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"
#include "tests/tools/pair.h"

enum { PACKETS = 1000, BATCH = 500, SEED = 20241 };

static struct honec honec;

static int set_up(void **state)
{
	cpu_set_t first;

	(void)state;
	kernel_test_needs_root();
	kernel_test_needs_file(XDP_FILTER_OBJECT("alw_all"));
	CPU_ZERO(&first); /* per-CPU values of both sides on the same CPU */
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	return honec_start(&honec);
}

static int tear_down(void **state)
{
	(void)state;
	return honec_stop(&honec);
}

static void compile(const struct hone_unit *unit, enum hone_request_kind kind,
		    struct hone_result *out)
{
	struct hone_request request = {.kind = kind, .unit = *unit, .policy = honec_policy(0)};

	assert_int_equal(honec_ask(&honec, &request, out), 0);
}

/* One program on two sets of its maps. */
struct subject {
	struct object_unit original, twin;
	struct hone_result result;
	struct pair pair;
};

static void open_subject(struct subject *s, const char *path, enum hone_request_kind kind)
{
	kernel_test_needs_file(path);
	assert_int_equal(object_unit_open(path, NULL, &s->original), 0);
	assert_int_equal(object_unit_open(path, NULL, &s->twin), 0);
	compile(&s->original.unit, kind, &s->result);
	if (s->result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s: %s", path, hone_reason_text(s->result.refused), s->result.detail);
	if (pair_load(&s->original.unit, &s->original.maps, &s->twin.maps, &s->result.image,
		      &s->pair))
		fail_msg("%s: %s", path, s->pair.detail);
}

static void close_subject(struct subject *s)
{
	pair_close(&s->pair);
	hone_result_free(&s->result);
	object_unit_close(&s->twin);
	object_unit_close(&s->original);
}

/* Returns how many different verdicts there were. */
static int compare(struct subject *s, uint64_t seed, uint32_t n_packets)
{
	uint8_t packet[PAIR_PACKET_MAX];
	uint32_t verdict, verdicts = 0;

	for (uint32_t i = 0; i < n_packets; i++) {
		uint32_t size = pair_packet(&seed, packet);

		if (!pair_agrees(&s->pair, packet, size, &verdict))
			fail_msg("packet %u: %s", i, s->pair.detail);
		verdicts |= 1u << (verdict & 31);
		if (i % BATCH == BATCH - 1 && !pair_maps_agree(&s->pair))
			fail_msg("after packet %u: %s", i, s->pair.detail);
	}
	return __builtin_popcount(verdicts);
}

static void filter_is_equal(void **state)
{
	uint64_t seed = SEED;
	struct subject s;

	open_subject(&s, *state, HONE_REQUEST_COMPILE);
	print_message("%u -> %u instructions, %u verified\n", s.original.unit.n_insns,
		      s.result.image.n_insns, s.pair.n_verified);
	compare(&s, SEED, PACKETS);
	pair_fill(&s.pair, &seed, 8);
	assert_true(compare(&s, SEED + 1, PACKETS) >= 2);
	pair_fill(&s.pair, &seed, 64);
	assert_true(compare(&s, SEED + 2, PACKETS) >= 2);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_FALLBACK), 0);
	close_subject(&s);
}

/* Programs of which random packets reach less. */
static void program_is_equal(void **state)
{
	uint64_t seed = SEED;
	struct subject s;

	open_subject(&s, *state, HONE_REQUEST_COMPILE);
	print_message("%u -> %u instructions, %u verified\n", s.original.unit.n_insns,
		      s.result.image.n_insns, s.pair.n_verified);
	compare(&s, SEED, PACKETS);
	pair_fill(&s.pair, &seed, 32);
	compare(&s, SEED + 1, PACKETS);
	close_subject(&s);
}

static void image_counts_its_packets_when_told(void **state)
{
	struct hone_request request = {.policy = honec_policy(0)};
	struct hone_result result;
	struct subject s;

	(void)state;
	open_subject(&s, XDP_FILTER_OBJECT("alw_eth"), HONE_REQUEST_COMPILE);
	compare(&s, SEED, 100);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_IMAGE), 0);
	pair_close(&s.pair);

	request.unit = s.original.unit;
	request.policy.count_packets = true;
	assert_int_equal(honec_ask(&honec, &request, &result), 0);
	assert_int_equal(
		pair_load(&s.original.unit, &s.original.maps, &s.twin.maps, &result.image, &s.pair),
		0);
	compare(&s, SEED, 100);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_IMAGE), 100);
	pair_guard(&s.pair, false);
	compare(&s, SEED, 50);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_IMAGE), 100);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_FALLBACK), 50);
	hone_result_free(&result);
	close_subject(&s);
}

/* Marks of the blocks that packets went through, beside equal decisions. */
static void coverage_marks_what_ran(void **state)
{
	uint32_t zero = 0, n_marked = 0;
	uint64_t seed = SEED;
	struct subject s;
	uint8_t *table;

	(void)state;
	open_subject(&s, XDP_FILTER_OBJECT("dny_all"), HONE_REQUEST_COVER);
	table = calloc(1, s.result.image.table_bytes);
	assert_non_null(table);
	assert_int_equal(bpf_map_lookup_elem(s.pair.table_fd, &zero, table), 0);
	for (uint32_t i = 0; i < s.result.n_blocks; i++)
		assert_int_equal(table[s.result.cover_offset + i], 0);

	pair_fill(&s.pair, &seed, 32);
	compare(&s, SEED, PACKETS);
	assert_int_equal(bpf_map_lookup_elem(s.pair.table_fd, &zero, table), 0);
	for (uint32_t i = 0; i < s.result.n_blocks; i++)
		n_marked += table[s.result.cover_offset + i];
	print_message("%u of %u blocks\n", n_marked, s.result.n_blocks);
	assert_int_equal(table[s.result.cover_offset], 1);
	assert_true(n_marked > s.result.n_blocks / 2 && n_marked <= s.result.n_blocks);
	free(table);
	close_subject(&s);
}

static void broken_guard_hands_every_packet_to_the_original(void **state)
{
	uint64_t seed = SEED;
	struct subject s;

	(void)state;
	open_subject(&s, XDP_FILTER_OBJECT("dny_all"), HONE_REQUEST_COMPILE);
	pair_fill(&s.pair, &seed, 16);
	pair_guard(&s.pair, false);
	compare(&s, SEED, PACKETS);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_FALLBACK), PACKETS);
	pair_guard(&s.pair, true);
	compare(&s, SEED, PACKETS);
	assert_int_equal(pair_count(&s.pair, HONE_COUNT_FALLBACK), PACKETS);
	close_subject(&s);
}

int main(void)
{
#define VARIANT(name)                                                                              \
	{"filter_is_equal " name, filter_is_equal, NULL, NULL, (void *)XDP_FILTER_OBJECT(name)}
#define PROGRAM(path) {"program_is_equal " path, program_is_equal, NULL, NULL, (void *)path}
	const struct CMUnitTest tests[] = {
		VARIANT("alw_all"),
		VARIANT("alw_eth"),
		VARIANT("alw_ip"),
		VARIANT("alw_tcp"),
		VARIANT("alw_udp"),
		VARIANT("dny_all"),
		VARIANT("dny_eth"),
		VARIANT("dny_ip"),
		VARIANT("dny_tcp"),
		VARIANT("dny_udp"),
		PROGRAM("/usr/lib/x86_64-linux-gnu/bpf/xdpdump_xdp.o"),
		PROGRAM("/usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog.o"),
		PROGRAM("/usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog_5.3.o"),
		PROGRAM(ROUTER_OBJECT),
		cmocka_unit_test(image_counts_its_packets_when_told),
		cmocka_unit_test(coverage_marks_what_ran),
		cmocka_unit_test(broken_guard_hands_every_packet_to_the_original),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
