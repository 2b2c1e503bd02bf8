// SPDX-License-Identifier: Apache-2.0
/* judge: clocks, random numbers and evictions are no mismatch, and hide none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/deploy/check.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

enum { PACKETS = 3000, MANY = 1000000 };

static const struct hone_check_opts strict = {.n_packets = PACKETS, .batch = 200, .seed = 4};
static const struct hone_check_opts patient = {.n_packets = PACKETS,
					       .batch = 200,
					       .seed = 4,
					       .max_varying = MANY,
					       .rounds = 12,
					       .allows_unexplained = true};

static struct hone_check_result compare(const char *name_a, const char *name_b,
					const struct hone_check_opts *opts)
{
	struct object_unit a, b;
	struct hone_check_result result;

	assert_int_equal(object_unit_open(JUDGE_OBJECT, name_a, &a), 0);
	assert_int_equal(object_unit_open(JUDGE_OBJECT, name_b, &b), 0);
	assert_int_equal(hone_check_units(&a.unit, &a.maps, &b.unit, &b.maps, opts, &result), 0);
	object_unit_close(&a);
	object_unit_close(&b);
	return result;
}

static void assert_equal(const struct hone_check_result *result)
{
	assert_string_equal(result->detail, "");
	assert_int_equal(result->refused, HONE_REWRITTEN);
	assert_int_equal(result->n_packets, PACKETS);
}

static void assert_found(const struct hone_check_result *result, const char *where)
{
	assert_int_equal(result->refused, HONE_CHECK_MISMATCH);
	assert_non_null(strstr(result->detail, where));
}

static void clock_in_a_map_is_left_out(void **state)
{
	struct hone_check_result result = compare("counts", "counts", &patient);

	(void)state;
	assert_equal(&result);
	assert_non_null(strstr(result.excluded, "map stamps: value bytes 8"));
}

static void count_beside_a_clock_is_compared(void **state)
{
	struct hone_check_result result = compare("counts", "counts_wrong", &patient);

	(void)state;
	assert_found(&result, "map stamps, key 01000000, value at 0");
}

static void clock_in_packets_is_left_out(void **state)
{
	struct hone_check_result result = compare("stamps_it", "stamps_it", &patient);

	(void)state;
	assert_equal(&result);
	assert_true(result.n_varying > 0 && result.n_varying < PACKETS / 4);
	assert_int_equal(result.n_varying, hone_check_count(&result, XDP_TX));
}

static void verdict_beside_a_clock_is_compared(void **state)
{
	struct hone_check_result result = compare("stamps_it", "stamps_wrong", &patient);

	(void)state;
	assert_found(&result, "3 (");
}

static void random_verdicts_are_left_out(void **state)
{
	struct hone_check_result result = compare("tosses", "tosses", &patient);

	(void)state;
	assert_equal(&result);
	assert_true(result.n_varying > 0);
}

static void byte_beside_a_random_verdict_is_compared(void **state)
{
	struct hone_check_result result = compare("tosses", "tosses_wrong", &patient);

	(void)state;
	assert_found(&result, "packet of");
}

static void random_verdicts_are_refused_without_patience(void **state)
{
	struct hone_check_result result = compare("tosses", "tosses", &strict);

	(void)state;
	assert_int_equal(result.refused, HONE_CHECK_NONDETERMINISTIC);
	assert_non_null(strstr(result.detail, "verdict"));
}

static void evictions_are_no_mismatch(void **state)
{
	struct hone_check_result result = compare("remembers", "remembers", &patient);

	(void)state;
	assert_equal(&result);
}

static void events_are_compared(void **state)
{
	struct hone_check_result result = compare("reports", "reports", &strict);

	(void)state;
	assert_equal(&result);
	result = compare("reports", "reports_wrong", &strict);
	assert_found(&result, "map ring: keys or events");
}

static void perf_events_are_compared(void **state)
{
	struct hone_check_result result = compare("perf_reports", "perf_reports", &strict);

	(void)state;
	assert_equal(&result);
	result = compare("perf_reports", "perf_wrong", &strict);
	assert_found(&result, "map perf: keys or events");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_in_a_map_is_left_out),
		cmocka_unit_test(count_beside_a_clock_is_compared),
		cmocka_unit_test(clock_in_packets_is_left_out),
		cmocka_unit_test(verdict_beside_a_clock_is_compared),
		cmocka_unit_test(random_verdicts_are_left_out),
		cmocka_unit_test(byte_beside_a_random_verdict_is_compared),
		cmocka_unit_test(random_verdicts_are_refused_without_patience),
		cmocka_unit_test(evictions_are_no_mismatch),
		cmocka_unit_test(events_are_compared),
		cmocka_unit_test(perf_events_are_compared),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
