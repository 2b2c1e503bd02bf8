// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/daemon/policy.h"

struct bad_row {
	const char *text;
	const char *says; /* part of the message: path, or cause */
};

static const struct bad_row bad_rows[] = {
	{"", "line"},
	{"{", "line 1"},
	{"[]", "the file"},
	{"{\"quiet_ms\": \"soon\"}", "quiet_ms: must be a whole number"},
	{"{\"quiet_ms\": -1}", "quiet_ms: must be from 0"},
	{"{\"quiet_ms\": 1.5}", "quiet_ms"},
	{"{\"quiet_ms\": 1, \"quiet_ms\": 2}", "line"},
	{"{\"quite_ms\": 1}", "quite_ms: is not a setting"},
	{"{\"max_compiles_per_second\": 0}", "max_compiles_per_second"},
	{"{\"max_insns\": 2000000}", "max_insns"},
	{"{\"max_verified\": 1000001}", "max_verified: must be from 1"},
	{"{\"max_verified_ratio\": -1}", "max_verified_ratio"},
	{"{\"count_packets\": 1}", "count_packets: must be true or false"},
	{"{\"on_exit\": \"leave\"}", "on_exit"},
	{"{\"gate_min_ratio\": \"2\"}", "gate_min_ratio"},
	{"{\"never_fold\": \"clock\"}", "never_fold: must be a list"},
	{"{\"never_fold\": [\"a\", 7]}", "never_fold[1]: must be a string"},
	{"{\"never_fold\": [\"a_name_that_is_too_long\"]}", "never_fold[0]"},
	{"{\"programs\": {}}", "programs: must be a list"},
	{"{\"programs\": [7]}", "programs[0]: must be an object"},
	{"{\"programs\": [{\"level\": 2}]}", "programs[0]: must have a name"},
	{"{\"programs\": [{\"name\": \"a\", \"level\": 4}]}", "programs[0].level"},
	{"{\"programs\": [{\"name\": \"a\"}, {\"tag\": \"12\"}]}", "programs[1].tag"},
	{"{\"programs\": [{\"tag\": \"0123456789ABCDEF\"}]}", "programs[0].tag"},
	{"{\"programs\": [{\"name\": \"\"}]}", "programs[0].name"},
	{"{\"programs\": [{\"nane\": \"a\"}]}", "programs[0].nane: is not a setting"},
};

static void refuses_bad_file_and_names_the_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		struct hone_settings settings = {.quiet_ms = 4711};
		char error[HONE_DETAIL_LEN] = "";
		int err = hone_settings_parse(bad_rows[i].text, strlen(bad_rows[i].text), &settings,
					      error);

		if (!err || !strstr(error, bad_rows[i].says) || settings.quiet_ms != 4711)
			fail_msg("row %zu: %s: %d, \"%s\"", i, bad_rows[i].text, err, error);
	}
}

static void takes_what_is_set_and_defaults_else(void **state)
{
	static const char text[] = "{\"max_compiles_per_second\": 4, \"on_exit\": \"keep\","
				   "\"never_fold\": [\"clock\"], \"gate_min_ratio\": 1.5,"
				   "\"programs\": [{\"name\": \"xdpfilt_*\", \"level\": 1}]}";
	struct hone_settings settings, defaults;
	char error[HONE_DETAIL_LEN];

	(void)state;
	hone_settings_default(&defaults);
	assert_int_equal(hone_settings_parse(text, sizeof(text) - 1, &settings, error), 0);
	assert_int_equal(settings.compile_gap_ms, 250);
	assert_int_equal(settings.on_exit, HONE_EXIT_KEEP);
	assert_int_equal(settings.quiet_ms, defaults.quiet_ms);
	assert_true(settings.gate_min_ratio == 1.5);
	assert_int_equal(settings.n_never_fold, 1);
	assert_string_equal(settings.never_fold[0], "clock");
	assert_int_equal(settings.n_programs, 1);
	assert_int_equal(settings.programs[0].level, 1);
	hone_settings_free(&settings);
}

static void shipped_policy_is_the_defaults(void **state)
{
	struct hone_settings shipped, defaults;
	char error[HONE_DETAIL_LEN] = "";

	(void)state;
	hone_settings_default(&defaults);
	if (hone_settings_load(HONE_SOURCE_DIR "/profiles/default.json", &shipped, error))
		fail_msg("%s", error);
	assert_int_equal(shipped.n_programs, 0);
	assert_int_equal(shipped.n_never_fold, 0);
	hone_settings_free(&shipped);
	assert_memory_equal(&shipped, &defaults, sizeof(shipped));
}

static void matches_name_tag_and_interface(void **state)
{
	struct hone_policy_program rows[] = {
		{.name = "fw_*", .interface = "eth0", .level = 1},
		{.tag = "0102030405060708", .level = 2},
	};
	struct hone_settings settings = {.n_programs = 2, .programs = rows};
	struct hone_unit named = {.name = "fw_main"};
	struct hone_unit tagged = {.name = "other", .tag = {1, 2, 3, 4, 5, 6, 7, 8}};
	struct hone_unit neither = {.name = "other"};

	(void)state;
	assert_ptr_equal(hone_settings_match(&settings, &named, "eth0"), &rows[0]);
	assert_ptr_equal(hone_settings_match(&settings, &named, NULL), &rows[0]);
	assert_null(hone_settings_match(&settings, &named, "eth1"));
	assert_ptr_equal(hone_settings_match(&settings, &tagged, "eth1"), &rows[1]);
	assert_null(hone_settings_match(&settings, &neither, "eth0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_file_and_names_the_path),
		cmocka_unit_test(takes_what_is_set_and_defaults_else),
		cmocka_unit_test(shipped_policy_is_the_defaults),
		cmocka_unit_test(matches_name_tag_and_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
