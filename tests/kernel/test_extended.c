// SPDX-License-Identifier: Apache-2.0
/* extended: functions that others may replace are told from those that they may not. That links to
 * a program are found is e2e/extended's business: it takes a kernel that allows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/live/extended.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/object_unit.h"

static void expect(const char *program, bool expected)
{
	struct object_unit subject;

	assert_int_equal(object_unit_open(FUNCTIONS_OBJECT, program, &subject), 0);
	assert_int_equal(hone_has_global_functions(&subject.unit), expected);
	object_unit_close(&subject);
}

static void global_functions_are_told(void **state)
{
	(void)state;
	expect("globals", true);
	expect("numbers", false);
}

static void what_has_no_types_cannot_be_named(void **state)
{
	const struct hone_unit unit = {.n_func_info = 3};

	(void)state;
	assert_false(hone_has_global_functions(&unit));
}

static void what_cannot_be_read_counts(void **state)
{
	const struct hone_unit unit = {.n_func_info = 3, .btf_id = UINT32_MAX};

	(void)state;
	assert_true(hone_has_global_functions(&unit));
}

static void nobody_is_attached_to_a_new_program(void **state)
{
	struct object_unit subject;

	(void)state;
	assert_int_equal(object_unit_open(FUNCTIONS_OBJECT, "numbers", &subject), 0);
	assert_int_equal(hone_extension_find(&subject.unit.prog_id, 1), 0);
	object_unit_close(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_functions_are_told),
		cmocka_unit_test(what_has_no_types_cannot_be_named),
		cmocka_unit_test(what_cannot_be_read_counts),
		cmocka_unit_test(nobody_is_attached_to_a_new_program),
	};

	kernel_test_needs_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
