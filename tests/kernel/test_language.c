// SPDX-License-Identifier: Apache-2.0
/* language: each program of language.bpf.c: either the image is accepted and equal in verdict,
 * bytes and all maps over random packets, or the unit is refused for the reason that is said
 * here. Needs BPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "runtime/bpf/abi.h"
#include "runtime/common/sys.h"
#include "runtime/deploy/sandbox.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"
#include "tests/tools/specialize.h"

enum { PACKETS = 1000, VERDICTS_MAX = 32 };

static const struct row {
	const char *program;
	unsigned int n_verdicts; /* at least so many different ones */
	enum hone_reason refused;
} rows[] = {
	{"packet_loads", 2, HONE_REWRITTEN},	 {"packet_load_exits", 2, HONE_REWRITTEN},
	{"by_socket_filter", 2, HONE_REWRITTEN}, {"by_cgroup_skb", 2, HONE_REWRITTEN},
	{"by_lwt_xmit", 2, HONE_REWRITTEN},	 {"by_lwt_in", 2, HONE_REWRITTEN},
	{"by_lwt_seg6local", 1, HONE_REWRITTEN}, {"by_action", 2, HONE_REWRITTEN},
	{"by_stream", 1, HONE_REWRITTEN}, /* cannot be run: loaded only */
	{"dynptr_of_packet", 3, HONE_REWRITTEN}, {"dynptr_of_skb", 2, HONE_REWRITTEN},
	{"open_coded_loop", 2, HONE_REWRITTEN},	 {"kernel_context", 2, HONE_REWRITTEN},
	{"connection", 1, HONE_REWRITTEN},	 {"throws", 0, HONE_NO_EXCEPTION},
	{"globals", 3, HONE_REWRITTEN},		 {"xdp_frags", 2, HONE_REWRITTEN},
	{"xdp_devmap", 1, HONE_REWRITTEN}, /* as are these two */
	{"xdp_cpumap", 1, HONE_REWRITTEN},
};

static unsigned int count_verdicts(const uint32_t *verdicts, unsigned int n)
{
	unsigned int different = 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int j = 0;

		while (j < i && verdicts[j] != verdicts[i])
			j++;
		different += j == i;
	}
	return different;
}

static void compare(const struct row *row, struct pair *pair)
{
	static uint32_t verdicts[PACKETS];
	uint64_t seed = 7;

	for (uint32_t i = 0; i < PACKETS; i++) {
		uint8_t packet[PAIR_PACKET_MAX];
		uint32_t size = pair_packet(&seed, packet);

		if (!pair_agrees(pair, packet, size, &verdicts[i]))
			fail_msg("%s: %s", row->program, pair->detail);
	}
	if (!pair_maps_agree(pair))
		fail_msg("%s: %s", row->program, pair->detail);
	assert_int_equal(pair_count(pair, HONE_COUNT_FALLBACK), 0);
	if (count_verdicts(verdicts, PACKETS) < row->n_verdicts)
		fail_msg("%s: all verdicts are the same", row->program);
}

static void expect_equal(const struct row *row, struct object_unit *subject,
			 const struct hone_image *image)
{
	char detail[HONE_DETAIL_LEN] = "";
	struct hone_maps copies;
	struct pair pair;

	assert_int_equal(hone_maps_clone(&subject->unit, &subject->maps, &copies, detail), 0);
	if (pair_load(&subject->unit, &subject->maps, &copies, image, &pair))
		fail_msg("%s: %s", row->program, pair.detail);
	printf("%s: %u -> %u insns\n", row->program, subject->unit.n_insns, image->n_insns);
	compare(row, &pair);
	pair_close(&pair);
	hone_maps_close(&copies);
}

static void play(const struct row *row, unsigned int level)
{
	struct hone_result result = {0};
	struct object_unit subject = {0};

	if (object_unit_open(LANGUAGE_OBJECT, row->program, &subject))
		fail_msg("%s: the original does not load", row->program);
	assert_int_equal(specialize(&subject, level, &result), 0);
	if (result.refused != row->refused)
		fail_msg("%s: %s: %s", row->program, hone_reason_id(result.refused), result.detail);
	if (result.refused == HONE_REWRITTEN)
		expect_equal(row, &subject, &result.image);
	hone_result_free(&result);
	object_unit_close(&subject);
}

static void programs_are_equal_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned int level = 0; level <= 2; level += 2)
			play(&rows[i], level);
}

static int set_up(void **state)
{
	static cpu_set_t was;

	(void)state;
	kernel_test_needs_root();
	return hone_cpu_pin(&was); /* per-CPU values can only be equal on one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_equal_or_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
