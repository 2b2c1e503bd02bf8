// SPDX-License-Identifier: Apache-2.0
/* functions: programs of several functions through the whole compiler: the verifier takes the
 * image, and it is equal in verdict, bytes and all maps. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "tests/tools/honec.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"
#include "tests/tools/pair.h"

enum { PACKETS = 2000, BATCH = 200, SEED = 20251, LONG_FACTOR = 20 };

static struct honec honec;

static int set_up(void **state)
{
	cpu_set_t first;

	(void)state;
	kernel_test_needs_root();
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	return honec_start(&honec);
}

static int tear_down(void **state)
{
	(void)state;
	return honec_stop(&honec);
}

static int compare(struct pair *pair, const char *name)
{
	uint32_t n = getenv("HONE_LONG") ? PACKETS * LONG_FACTOR : PACKETS;
	uint8_t packet[PAIR_PACKET_MAX];
	uint32_t verdict, verdicts = 0;
	uint64_t seed = SEED;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t size = pair_packet(&seed, packet);

		if (!pair_agrees(pair, packet, size, &verdict))
			fail_msg("%s: packet %u: %s", name, i, pair->detail);
		verdicts |= 1u << (verdict & 31);
		if (i % BATCH == BATCH - 1 && !pair_maps_agree(pair))
			fail_msg("%s: after packet %u: %s", name, i, pair->detail);
	}
	return __builtin_popcount(verdicts);
}

static void program_is_equal(void **state)
{
	struct object_unit original, twin;
	struct hone_request request = {.policy = honec_policy(0)};
	struct hone_result result;
	const char *name = *state;
	struct pair pair;
	int n_verdicts;

	assert_int_equal(object_unit_open(FUNCTIONS_OBJECT, name, &original), 0);
	assert_int_equal(object_unit_open(FUNCTIONS_OBJECT, name, &twin), 0);
	request.unit = original.unit;
	assert_int_equal(honec_ask(&honec, &request, &result), 0);
	if (result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s: %s", name, hone_reason_text(result.refused), result.detail);
	if (pair_load(&original.unit, &original.maps, &twin.maps, &result.image, &pair))
		fail_msg("%s: %s", name, pair.detail);
	n_verdicts = compare(&pair, name);
	print_message("%s: %u -> %u instructions, %u verified, %d verdicts\n", name,
		      original.unit.n_insns, result.image.n_insns, pair.n_verified, n_verdicts);
	assert_true(n_verdicts >= 2);
	pair_close(&pair);
	hone_result_free(&result);
	object_unit_close(&twin);
	object_unit_close(&original);
}

#define PROGRAM(name) {"program_is_equal: " name, program_is_equal, NULL, NULL, name}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROGRAM("numbers"), PROGRAM("cursors"), PROGRAM("values"), PROGRAM("globals"),
		PROGRAM("looped"),  PROGRAM("walked"),	PROGRAM("frames"), PROGRAM("indexed"),
		PROGRAM("marks"),   PROGRAM("through"),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
