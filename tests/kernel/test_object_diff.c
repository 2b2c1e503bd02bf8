// SPDX-License-Identifier: Apache-2.0
/* object_diff: whole objects against what honec makes of them: packets find their way into deep
 * branches, tc programs are compared with their context, what cannot be run is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tools/kernel_test.h"
#include "tests/tools/object_diff.h"

enum { PACKETS = 10000, SEED = 3, CLSACT_REDIRECT = 7 };

static struct honec honec;
static struct object_unit subject;

static int set_up(void **state)
{
	return honec_start(&honec) || object_unit_open(DIFF_OBJECT, *state, &subject);
}

static int tear_down(void **state)
{
	(void)state;
	object_unit_close(&subject);
	return honec_stop(&honec);
}

static struct object_diff diff_at(unsigned int level)
{
	struct object_diff diff;

	assert_int_equal(object_diff(&honec, &subject, level, PACKETS, SEED, &diff), 0);
	assert_string_equal(diff.detail, "");
	assert_string_equal(diff.check.detail, "");
	assert_int_equal(diff.check.refused, HONE_REWRITTEN);
	assert_int_equal(diff.check.n_packets + diff.check.n_refused, PACKETS);
	return diff;
}

static void reaches_every_block(void **state)
{
	struct object_diff diff = diff_at(2);

	(void)state;
	assert_true(diff.n_blocks > 4);
	assert_int_equal(diff.check.n_reached, diff.n_blocks);
	assert_true(hone_check_count(&diff.check, XDP_TX) > 0);
	for (uint32_t i = 0; i < diff.n_blocks; i++)
		assert_int_equal(diff.reached[i], 1);
	object_diff_free(&diff);
}

static void compares_a_tc_program(void **state)
{
	struct object_diff diff = diff_at(2);

	(void)state;
	assert_int_equal(diff.check.n_reached, diff.n_blocks);
	assert_true(hone_check_count(&diff.check, 0) > 0); /* nothing but notes of copies */
	assert_true(hone_check_count(&diff.check, CLSACT_REDIRECT) > 0);
	object_diff_free(&diff);
}

static void refuses_a_type_without_test_runs(void **state)
{
	const struct hone_check_opts opts = {.n_packets = 1};
	struct hone_check_result result;
	struct hone_image none = {0};

	(void)state;
	subject.unit.prog_type = BPF_PROG_TYPE_SK_SKB;
	assert_int_equal(hone_check_image(&subject.unit, &subject.maps, &none, &opts, &result), 0);
	assert_int_equal(result.refused, HONE_NO_TEST_RUN);
}

#define DIFF_TEST(name, program)                                                                   \
	cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, program)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIFF_TEST(reaches_every_block, "deep"),
		DIFF_TEST(compares_a_tc_program, "classify"),
		DIFF_TEST(refuses_a_type_without_test_runs, "deep"),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
