// SPDX-License-Identifier: Apache-2.0
/* target_name: texts that operators write, and names of units in bpffs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/live/discover.h"

static const struct {
	const char *text;
	struct hone_target_text means;
} valid[] = {
	{"v0", {"v0", HONE_HOOK_XDP, 0, 0}},
	{"tc:v0:ingress", {"v0", HONE_HOOK_TC_INGRESS, 0, 0}},
	{"tc:v0:egress:49152:1", {"v0", HONE_HOOK_TC_EGRESS, 49152, 1}},
	{"tc:v0:ingress:0xc000:0xffffffff", {"v0", HONE_HOOK_TC_INGRESS, 0xc000, 0xffffffff}},
	{"tcx:an-interface15:ingress", {"an-interface15", HONE_HOOK_TCX_INGRESS, 0, 0}},
	{"tcx:v0:egress:17", {"v0", HONE_HOOK_TCX_EGRESS, 0, 17}},
};

static const char *const invalid[] = {
	"",
	"tc:",
	"tc:v0",
	"tc::ingress",
	"tc:v0:sideways",
	"xdp:v0:ingress",
	":v0:",
	"tc:v0:ingress:",
	"tc:v0:ingress:1",
	"tc:v0:ingress:0:1",
	"tc:v0:ingress:1:0",
	"tc:v0:ingress:65536:1",
	"tc:v0:ingress:1:4294967296",
	"tc:v0:ingress:1:-1",
	"tc:v0:ingress:1: 1",
	"tc:v0:ingress:1:1x",
	"tc:v0:ingress:1:1:1",
	"tcx:v0:ingress:1:1",
	"tcx:v0:ingress:0",
	"an-interface-too",
	"tc:an-interface-too:ingress",
	"tc:v0:ingress:1:0000000000000000000000000000000000000000000000000000001",
};

static void texts_mean_points(void **state)
{
	struct hone_target_text text;

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		memset(&text, 0xff, sizeof(text));
		assert_int_equal(hone_target_parse(valid[i].text, &text), 0);
		assert_string_equal(text.ifname, valid[i].means.ifname);
		assert_int_equal(text.hook, valid[i].means.hook);
		assert_int_equal(text.priority, valid[i].means.priority);
		assert_int_equal(text.handle, valid[i].means.handle);
	}
}

static void other_texts_mean_nothing(void **state)
{
	struct hone_target_text text = {.priority = 4711};

	(void)state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_int_equal(hone_target_parse(invalid[i], &text), -EINVAL);
	assert_int_equal(text.priority, 4711);
}

/* The longest name there can be. */
static const struct hone_target longest = {
	.ifindex = INT32_MAX,
	.netns = UINT64_MAX,
	.hook = HONE_HOOK_TC_INGRESS,
	.priority = UINT16_MAX,
	.handle = UINT32_MAX,
	.ifname = "fifteen-letters",
};

static void names_and_texts_agree(void **state)
{
	struct hone_target target = longest, point;
	struct hone_target_text text;
	char unit[HONE_UNIT_NAME];

	(void)state;
	for (int hook = 0; hook < HONE_HOOK_N; hook++) {
		target.hook = (enum hone_hook)hook;
		target.priority = hook == HONE_HOOK_XDP || hone_hook_is_tcx(target.hook)
					  ? 0
					  : longest.priority;
		target.handle = hook == HONE_HOOK_XDP ? 0 : longest.handle;
		hone_target_set_name(&target);
		assert_int_equal(hone_target_parse(target.name, &text), 0);
		assert_true(hone_target_matches(&target, &text));

		hone_target_unit_name(&target, unit);
		assert_int_equal(hone_target_from_unit_name(unit, &point), 0);
		assert_true(hone_target_is_same_point(&target, &point));
	}
}

static void a_text_without_place_means_any(void **state)
{
	struct hone_target target = {
		.hook = HONE_HOOK_TC_INGRESS, .priority = 1, .handle = 2, .ifname = "v0"};
	const struct {
		const char *text;
		bool matches;
	} rows[] = {
		{"tc:v0:ingress", true},      {"tc:v0:ingress:1:2", true},
		{"tc:v0:ingress:1:3", false}, {"tc:v0:ingress:2:2", false},
		{"tc:v0:egress", false},      {"tcx:v0:ingress", false},
		{"tc:v1:ingress", false},     {"v0", false},
	};
	struct hone_target_text text;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(hone_target_parse(rows[i].text, &text), 0);
		assert_int_equal(hone_target_matches(&target, &text), rows[i].matches);
	}
}

static void strange_unit_names_are_refused(void **state)
{
	static const char *const names[] = {
		"",
		"7",
		"7-",
		"x-7",
		"7-8-",
		"7-8-tc-ingress",
		"7-8x",
		"7-8-tc-ingress-1",
		"7-8-tc-ingress-1-2-3",
		"7-8-xdp-in-0-0",
		"07-8",
		"7-8-tc-sideways-1-2",
	};
	struct hone_target target;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(hone_target_from_unit_name(names[i], &target), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_mean_points),
		cmocka_unit_test(other_texts_mean_nothing),
		cmocka_unit_test(names_and_texts_agree),
		cmocka_unit_test(a_text_without_place_means_any),
		cmocka_unit_test(strange_unit_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
