// SPDX-License-Identifier: Apache-2.0
/* Guard slots: given once, kept for units of the store, refused when there are no more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/daemon/session.h"

static struct hone_choice rows[HONE_SLOT_N];

static struct hone_daemon with_rows(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rows[i] = (struct hone_choice){.slot = i};
	return (struct hone_daemon){.store = {.n_choices = n, .choices = rows}};
}

static void gives_the_first_free_slot(void **state)
{
	struct hone_daemon daemon = with_rows(3);

	(void)state;
	assert_int_equal(hone_daemon_slot(&daemon), 3);
	rows[1].is_detached = true;
	assert_int_equal(hone_daemon_slot(&daemon), 1);
}

static void refuses_one_unit_too_many(void **state)
{
	struct hone_daemon daemon = with_rows(HONE_SLOT_N);
	struct hone_target target = {.ifname = "v0"};
	struct hone_session *session = NULL;
	json_t *error = NULL;

	(void)state;
	assert_int_equal(hone_daemon_attach(&daemon, &target, 2, &session, &error), -ENOSPC);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(error, "error"), "reason")),
		hone_reason_id(HONE_NO_SLOT));
	json_decref(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_first_free_slot),
		cmocka_unit_test(refuses_one_unit_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
