// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/daemon/session.h"

static void every_event_has_a_row_in_every_state(void **state)
{
	(void)state;
	for (int s = 0; s < HONE_STATE_N; s++)
		for (int e = 0; e < HONE_EVENT_N; e++)
			if (!hone_session_has_row((enum hone_state)s, (enum hone_event)e))
				fail_msg("%s in %s", hone_event_name((enum hone_event)e),
					 hone_state_name((enum hone_state)s));
}

/* The names that `hone status` promises. */
static void states_have_their_names(void **state)
{
	static const char *const names[] = {"observing", "compiling", "checking", "live",
					    "generic",	 "paused",    "refused"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(hone_state_name((enum hone_state)i), names[i]);
}

/* Whatever else is due: packets meet no image before both its check and its measurement passed. */
static void nothing_unproved_goes_live(void **state)
{
	static const enum hone_event early[] = {HONE_EVENT_TIMER, HONE_EVENT_ANALYSED,
						HONE_EVENT_MOVED, HONE_EVENT_ANSWERED};

	(void)state;
	for (int proved = 0; proved < 3; proved++)
		for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
			/* No daemon: gathering facts for a publication would crash. */
			struct hone_session session = {
				.state = HONE_STATE_CHECKING,
				.awaits_analysis = true,
				.is_checked = proved == 1,
				.is_gated = proved == 2,
			};

			assert_true(hone_session_event(&session, early[i]));
			assert_int_equal(session.state, HONE_STATE_CHECKING);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_has_a_row_in_every_state),
		cmocka_unit_test(states_have_their_names),
		cmocka_unit_test(nothing_unproved_goes_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
