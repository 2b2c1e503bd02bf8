// SPDX-License-Identifier: Apache-2.0
/* compiler/facts_file.c: what goes out comes back, what is wrong is named by its path, and the
 * schema tells of the same members as the reader knows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "compiler/facts.h"

static struct bpf_insn insns[] = {{.code = BPF_JMP | BPF_EXIT}};
static uint8_t key[] = {1, 0, 0, 0}, value[8] = {7};
static struct hone_map maps[] = {{
	.name = "blocked",
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 16,
	.class = HONE_CLASS_CONFIG,
	.complete = true,
	.n_entries = 1,
	.n_cpus = 1,
	.keys = key,
	.values = value,
}};
static char features[][HONE_FEATURE_LEN] = {"BTF", "JIT"};

static char *encoded(void)
{
	struct hone_facts_file file = {
		.release = "6.18.0",
		.n_features = 2,
		.features = features,
		.unit = {.name = "filter",
			 .license = "GPL",
			 .prog_type = BPF_PROG_TYPE_XDP,
			 .insns = insns,
			 .n_insns = 1,
			 .maps = maps,
			 .n_maps = 1},
	};
	char *text = NULL;

	assert_int_equal(hone_facts_file_encode(&file, &text), 0);
	return text;
}

static void comes_back_as_it_was(void **state)
{
	char *text = encoded(), *again, error[HONE_DETAIL_LEN] = "";
	struct hone_facts_file back;

	(void)state;
	if (hone_facts_file_decode(text, strlen(text), &back, error))
		fail_msg("%s", error);
	assert_string_equal(back.release, "6.18.0");
	assert_int_equal(back.n_features, 2);
	assert_string_equal(back.features[1], "JIT");
	assert_string_equal(back.unit.name, "filter");
	assert_memory_equal(back.unit.maps[0].values, value, sizeof(value));
	assert_int_equal(hone_facts_file_encode(&back, &again), 0);
	assert_string_equal(again, text);
	hone_facts_file_free(&back);
	free(again);
	free(text);
}

/* The document with `from` replaced by `to` is refused, and `said` is in the message. */
static void refuses(const char *from, const char *to, const char *said)
{
	char *text = encoded(), *at = strstr(text, from), wrong[4096], error[HONE_DETAIL_LEN] = "";
	struct hone_facts_file untouched = {.n_features = 77};

	assert_non_null(at);
	snprintf(wrong, sizeof(wrong), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_int_equal(hone_facts_file_decode(wrong, strlen(wrong), &untouched, error), -EINVAL);
	if (!strstr(error, said))
		fail_msg("\"%s\" does not say \"%s\"", error, said);
	assert_int_equal(untouched.n_features, 77);
	free(text);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	refuses("hone-facts", "hone-fakts", "format");
	refuses("\"version\":1", "\"version\":2", "version: not a version");
	refuses("\"release\":\"6.18.0\",", "", "kernel.release: missing");
	refuses("\"JIT\"", "17", "kernel.features[1]: not");
	refuses("\"kernel\"", "\"colonel\"", "kernel: missing");
	refuses("\"name\":\"filter\"", "\"name\":\"a-name-of-sixteen\"", "unit.name");
	refuses("\"0700000000000000\"", "\"07\"", "unit.maps[0].entries[0]");
	refuses("\"01000000\"", "\"010000\"", "unit.maps[0].entries[0]");
	refuses("\"config\"", "\"konfig\"", "unit.maps[0].class");
	refuses("}", "", "line 1");
}

/* Each member that is written is in the schema, and each that it requires is written. */
static void same_members(const char *where, const json_t *schema, const json_t *written)
{
	const json_t *properties = json_object_get(schema, "properties"), *name;
	const json_t *required = json_object_get(schema, "required");
	const char *member;
	json_t *value_;
	size_t i;

	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	json_object_foreach((json_t *)(uintptr_t)written, member, value_)
	{
		if (!json_object_get(properties, member))
			fail_msg("%s.%s is not in the schema", where, member);
	}
	assert_int_equal(json_object_size(properties), json_object_size(written));
	json_array_foreach(required, i,
			   name) if (!json_object_get(written, json_string_value(name)))
		fail_msg("%s.%s is required and not written", where, json_string_value(name));
}

static void the_schema_tells_the_same(void **state)
{
	json_t *schema = json_load_file(HONE_SOURCE_DIR "/docs/facts.schema.json", 0, NULL);
	char *text = encoded();
	json_t *written = json_loads(text, 0, NULL);
	const json_t *kernel, *unit, *map, *of_map, *others;

	(void)state;
	assert_non_null(schema);
	kernel = json_object_get(json_object_get(schema, "properties"), "kernel");
	unit = json_object_get(json_object_get(schema, "properties"), "unit");
	of_map = json_object_get(json_object_get(schema, "$defs"), "map");
	others = json_object_get(json_object_get(of_map, "properties"), "others");
	map = json_array_get(json_object_get(json_object_get(written, "unit"), "maps"), 0);
	same_members("", schema, written);
	same_members("kernel", kernel, json_object_get(written, "kernel"));
	same_members("unit", unit, json_object_get(written, "unit"));
	same_members("unit.maps[0]", of_map, map);
	same_members("unit.maps[0].others", others, json_object_get(map, "others"));
	json_decref(schema);
	json_decref(written);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(the_schema_tells_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
