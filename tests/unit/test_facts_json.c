// SPDX-License-Identifier: Apache-2.0
/* compiler/facts_json.c, result_json.c: what goes out comes back; what is wrong is named. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/facts.h"

static struct bpf_insn insns[] = {
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 1},
	{0},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 10, .src_reg = 9, .off = -7, .imm = -2},
	{.code = BPF_JMP | BPF_EXIT},
};

static struct hone_kfunc kfuncs[] = {
	{4711,
	 "bpf_dynptr_slice",
	 true,
	 4,
	 {{HONE_KFUNC_POINTER | HONE_KFUNC_CONST, 16, 0}, {0}, {HONE_KFUNC_POINTER, 0, 4}, {0}}}};

static struct hone_request a_request(struct hone_map *maps, uint32_t n_maps)
{
	return (struct hone_request){
		.kind = HONE_REQUEST_ANALYSE,
		.unit = {.name = "xdp_main",
			 .license = "Dual BSD/GPL",
			 .prog_type = BPF_PROG_TYPE_XDP,
			 .expected_attach_type = BPF_XDP,
			 .prog_flags = 0x80000001,
			 .kern_version = 0x60000,
			 .tag = {0xde, 0xad, 0, 1, 2, 3, 4, 0xff},
			 .prog_id = 4000000000,
			 .btf_id = 17,
			 .insns = insns,
			 .n_insns = 4,
			 .maps = maps,
			 .n_maps = n_maps,
			 .func_info_rec_size = 8,
			 .n_func_info = 1,
			 .func_info = (uint8_t *)"\0\1\2\3\4\5\6\7",
			 .n_kfuncs = 1,
			 .kfuncs = kfuncs,
			 .line_info_rec_size = 4,
			 .n_line_info = 2,
			 .line_info = (uint8_t *)"\10\1\2\3\4\5\6\7"},
		.policy = {.level = 2,
			   .max_table_bytes = 1 << 20,
			   .max_entries = 4096,
			   .max_insns = UINT32_MAX,
			   .count_packets = true},
	};
}

static void same_map(const struct hone_map *a, const struct hone_map *b)
{
	assert_int_equal(a->index, b->index);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->key_size, b->key_size);
	assert_int_equal(a->value_size, b->value_size);
	assert_int_equal(a->max_entries, b->max_entries);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->is_frozen, b->is_frozen);
	assert_int_equal(a->is_watched, b->is_watched);
	assert_memory_equal(&a->others, &b->others, sizeof(a->others));
	assert_int_equal(a->class, b->class);
	assert_int_equal(a->complete, b->complete);
	assert_int_equal(a->n_entries, b->n_entries);
	assert_int_equal(a->n_cpus, b->n_cpus);
	assert_memory_equal(a->keys, b->keys, a->n_entries * a->key_size);
	assert_memory_equal(a->values, b->values,
			    a->n_entries * a->n_cpus * hone_map_value_stride(a));
}

static void a_request_comes_back_as_it_was(void **state)
{
	static uint8_t keys[] = {0, 1, 0, 2, 9, 0}, values[3 * 2 * 8];
	static char never_fold[1][HONE_NAME_LEN] = {"clock"};
	struct hone_map maps[2] = {
		{.index = 0,
		 .name = "ports",
		 .type = BPF_MAP_TYPE_PERCPU_HASH,
		 .key_size = 2,
		 .value_size = 5,
		 .max_entries = 8,
		 .flags = BPF_F_NO_PREALLOC,
		 .id = 99,
		 .is_watched = true,
		 .others = {.writes_keys = true, .changed = {1, [63] = 0x80}},
		 .class = HONE_CLASS_LIVE,
		 .complete = true,
		 .n_entries = 3,
		 .n_cpus = 2,
		 .keys = keys,
		 .values = values},
		{.index = 1, .type = 60, .is_frozen = true, .class = HONE_CLASS_CONFIG},
	};
	struct hone_request request = a_request(maps, 2), back;
	char error[HONE_DETAIL_LEN] = "", *text, *again;

	(void)state;
	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = (uint8_t)(255 - i);
	request.policy.never_fold = never_fold;
	request.policy.n_never_fold = 1;
	assert_int_equal(hone_request_encode(&request, &text), 0);
	if (hone_request_decode(text, strlen(text), &back, error) != 0)
		fail_msg("%s", error);

	assert_int_equal(back.kind, request.kind);
	assert_string_equal(back.unit.license, request.unit.license);
	assert_memory_equal(back.unit.tag, request.unit.tag, BPF_TAG_SIZE);
	assert_int_equal(back.unit.n_insns, 4);
	assert_memory_equal(back.unit.insns, insns, sizeof(insns));
	assert_memory_equal(back.unit.func_info, request.unit.func_info, 8);
	assert_int_equal(back.unit.n_func_info, 1);
	assert_memory_equal(back.unit.line_info, request.unit.line_info, 8);
	assert_int_equal(back.unit.n_line_info, 2);
	assert_int_equal(back.unit.n_kfuncs, 1);
	assert_memory_equal(back.unit.kfuncs, kfuncs, sizeof(kfuncs));
	assert_int_equal(back.unit.prog_id, 4000000000);
	same_map(&back.unit.maps[0], &maps[0]);
	same_map(&back.unit.maps[1], &maps[1]);
	assert_string_equal(back.policy.never_fold[0], "clock");
	assert_int_equal(back.policy.max_insns, UINT32_MAX);

	assert_int_equal(hone_request_encode(&back, &again), 0);
	assert_string_equal(text, again);
	free(text);
	free(again);
	hone_request_free(&back);
}

static void a_unit_comes_back_alone(void **state)
{
	struct hone_request request = a_request(NULL, 0);
	char error[HONE_DETAIL_LEN], *text, *again;
	struct hone_unit back;

	(void)state;
	assert_int_equal(hone_unit_encode(&request.unit, &text), 0);
	assert_int_equal(hone_unit_decode(text, strlen(text), &back, error), 0);
	assert_int_equal(hone_unit_encode(&back, &again), 0);
	assert_string_equal(text, again);
	free(text);
	free(again);
	hone_unit_free(&back);
}

static struct hone_result a_result(void)
{
	static struct hone_reloc relocs[] = {{0, HONE_RELOC_TABLE, 0, 8}};
	static struct hone_line lines[] = {{0, 7}, {3, 2}};
	static struct hone_assumption assumptions[] = {
		{HONE_ASSUME_VALUE_BITS, 3, 5, HONE_CODE_LEVEL, HONE_GUARDED, 16, UINT64_MAX},
		{.kind = HONE_ASSUME_KEYS, .effect = HONE_DATA_LEVEL},
	};
	static uint8_t table[16] = {255, 255, 255, 255, 255, 255, 255, 255, 1};
	static struct hone_effects effects[] = {{.is_unknown = true}, {.changed = {0xc0}}};
	static struct hone_site_report sites[] = {
		{0, 99, -1, HONE_SITE_TAIL_CALL, HONE_CLASS_LIVE, "", HONE_NO_ONE_MAP, 0, true,
		 UINT32_MAX},
		{1, 125, 3, HONE_SITE_LOOKUP, HONE_CLASS_KEYS_FIXED, "key_filter", HONE_REWRITTEN,
		 12, false, 0},
	};
	static struct hone_pass_report passes[] = {{"empty_map", 3, 0.1}};
	static uint32_t block_insns[] = {0, 4, 17};

	return (struct hone_result){
		.refused = HONE_REWRITTEN,
		.detail = "",
		.image = {.n_insns = 4,
			  .insns = insns,
			  .n_relocs = 1,
			  .relocs = relocs,
			  .n_lines = 2,
			  .lines = lines,
			  .table_bytes = sizeof(table),
			  .table = table,
			  .n_assumptions = 2,
			  .assumptions = assumptions},
		.n_effects = 2,
		.effects = effects,
		.n_sites = 2,
		.sites = sites,
		.n_passes = 1,
		.passes = passes,
		.n_blocks = 3,
		.block_insns = block_insns,
		.cover_offset = 13,
		.lift_ms = 1.0 / 3,
		.optimize_ms = 1e-9,
	};
}

static void a_result_comes_back_as_it_was(void **state)
{
	struct hone_result result = a_result(), back;
	char error[HONE_DETAIL_LEN] = "", *text, *again;

	(void)state;
	assert_int_equal(hone_result_encode(&result, &text), 0);
	if (hone_result_decode(text, strlen(text), &back, error) != 0)
		fail_msg("%s", error);
	assert_memory_equal(back.image.insns, insns, sizeof(insns));
	assert_int_equal(back.image.relocs[0].offset, 8);
	assert_memory_equal(back.image.lines, result.image.lines, 2 * sizeof(*back.image.lines));
	assert_memory_equal(back.image.table, result.image.table, 16);
	assert_memory_equal(back.image.assumptions, result.image.assumptions,
			    2 * sizeof(*back.image.assumptions));
	assert_memory_equal(back.effects, result.effects, 2 * sizeof(*back.effects));
	assert_memory_equal(back.sites, result.sites, 2 * sizeof(*back.sites));
	assert_memory_equal(back.block_insns, result.block_insns, 3 * sizeof(uint32_t));
	assert_true(back.lift_ms == result.lift_ms && back.optimize_ms == result.optimize_ms);

	assert_int_equal(hone_result_encode(&back, &again), 0);
	assert_string_equal(text, again);
	free(text);
	free(again);
	hone_result_free(&back);
}

static void a_refusal_survives_any_detail(void **state)
{
	struct hone_result result = {.refused = HONE_NO_PASS}, back;
	char error[HONE_DETAIL_LEN], *text;

	(void)state;
	memset(result.detail, 0xff, sizeof(result.detail));
	result.detail[HONE_DETAIL_LEN - 1] = 0;
	result.detail[0] = 'x';
	assert_int_equal(hone_result_encode(&result, &text), 0);
	assert_int_equal(hone_result_decode(text, strlen(text), &back, error), 0);
	assert_int_equal(back.refused, HONE_NO_PASS);
	assert_int_equal(back.detail[0], 'x');
	free(text);
	hone_result_free(&back);
}

static void a_relocation_of_no_instruction_is_refused(void **state)
{
	struct hone_result result = a_result(), back;
	char error[HONE_DETAIL_LEN], *text;

	(void)state;
	result.image.relocs[0].insn = 2;
	assert_int_equal(hone_result_encode(&result, &text), 0);
	assert_int_equal(hone_result_decode(text, strlen(text), &back, error), -EINVAL);
	assert_string_equal(error, "image.relocs[0]: not a 64-bit constant load");
	free(text);
	result.image.relocs[0].insn = 3;
	assert_int_equal(hone_result_encode(&result, &text), 0);
	assert_int_equal(hone_result_decode(text, strlen(text), &back, error), -EINVAL);
	assert_string_equal(error, "image.relocs[0]: no instruction of the image");
	free(text);
	result.image.relocs[0].insn = 0;
}

static void a_line_of_no_instruction_is_refused(void **state)
{
	struct hone_result result = a_result(), back;
	char error[HONE_DETAIL_LEN], *text;

	(void)state;
	result.image.lines[1].insn = 4;
	assert_int_equal(hone_result_encode(&result, &text), 0);
	assert_int_equal(hone_result_decode(text, strlen(text), &back, error), -EINVAL);
	assert_string_equal(error, "image.lines: no instruction of the image");
	free(text);
	result.image.lines[1].insn = 3;
}

static void names_that_are_not_text_are_refused(void **state)
{
	struct hone_request request = a_request(NULL, 0);
	char *text = NULL;

	(void)state;
	request.unit.license[0] = (char)0xff;
	assert_int_equal(hone_request_encode(&request, &text), -EINVAL);
	assert_null(text);
}

/* ---- facts files ---- */

#define MAP "\"name\":\"m\",\"key_size\":4,\"max_entries\":4,"

static void a_facts_file_is_read(void **state)
{
	static const char file[] =
		"{\"level\":2,\"max_entries\":100,\"never_fold\":[\"m\"],\"maps\":["
		"{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"config\",\"complete\":true,"
		"\"entries\":[[\"01000000\",\"fF\"],[\"02000000\",\"02\"]]},"
		"{" MAP "\"type\":\"percpu_array\",\"value_size\":4,\"class\":\"live\","
		"\"n_cpus\":2,\"entries\":[[\"03000000\",\"01020304\",\"0506070809000000\"]],"
		"\"others\":{\"changed\":\"c0ff\"}}]}";
	struct hone_request facts;
	char error[HONE_DETAIL_LEN] = "";
	const struct hone_map *map;

	(void)state;
	if (hone_facts_decode(file, strlen(file), &facts, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(facts.policy.level, 2);
	assert_int_equal(facts.policy.max_entries, 100);
	assert_int_equal(facts.policy.max_table_bytes, UINT32_MAX);
	assert_string_equal(facts.policy.never_fold[0], "m");
	map = &facts.unit.maps[0];
	assert_int_equal(map->type, BPF_MAP_TYPE_HASH);
	assert_int_equal(map->class, HONE_CLASS_CONFIG);
	assert_true(map->complete && map->is_watched);
	assert_false(map->is_frozen);
	assert_int_equal(map->n_entries, 2);
	assert_int_equal(map->values[0], 0xff);
	map = &facts.unit.maps[1];
	assert_int_equal(map->index, 1);
	assert_false(map->is_watched || map->complete);
	assert_memory_equal(map->values, "\1\2\3\4\0\0\0\0\5\6\7\10\11\0\0\0", 16);
	assert_int_equal(hone_effects_changed(&map->others, 1), 0xff);
	assert_int_equal(hone_effects_changed(&map->others, 2), 0);
	hone_request_free(&facts);
}

static void watched_can_be_denied(void **state)
{
	static const char file[] = "{\"level\":0,\"maps\":[{" MAP
				   "\"type\":\"hash\",\"value_size\":1,\"class\":\"config\","
				   "\"watched\":false}]}";
	struct hone_request facts;
	char error[HONE_DETAIL_LEN];

	(void)state;
	assert_int_equal(hone_facts_decode(file, strlen(file), &facts, error), 0);
	assert_false(facts.unit.maps[0].is_watched);
	hone_request_free(&facts);
}

/* Each wrong file and what is said about it. */
static const struct {
	const char *file, *error;
} wrong[] = {
	{"", "line 1, column 0: '[' or '{' expected near end of file"},
	{"[]", "not an object"},
	{"{\"level\":4,\"maps\":[]}", "level: not between 0 and 3"},
	{"{\"level\":-1,\"maps\":[]}", "level: not between 0 and 3"},
	{"{\"level\":\"2\",\"maps\":[]}", "level: not an integer"},
	{"{\"level\":2}", "maps: missing"},
	{"{\"level\":2,\"maps\":{}}", "maps: not an array"},
	{"{\"level\":2,\"maps\":[],\"lewel\":2}", "lewel: unknown member"},
	{"{\"level\":2,\"maps\":[7]}", "maps[0].class: missing"},
	{"{\"level\":2,\"maps\":[],\"never_fold\":[\"0123456789abcdef\"]}",
	 "never_fold[0]: too long"},
	{"{\"level\":2,\"maps\":[{" MAP
	 "\"type\":\"hash\",\"value_size\":1,\"class\":\"konfig\"}]}",
	 "maps[0].class: unknown name"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hasch\",\"value_size\":1,\"class\":\"live\"}]}",
	 "maps[0].type: unknown name"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":64,\"value_size\":1,\"class\":\"live\"}]}",
	 "maps[0].type: not between 0 and 63"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"complete\":1}]}",
	 "maps[0].complete: neither true nor false"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"n_cpus\":2}]}",
	 "maps[0].n_cpus: not a type with a value per CPU"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"01000000\",\"01\"],[\"0z000000\",\"01\"]]}]}",
	 "maps[0].entries[1][0]: not hexadecimal"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"0100000\",\"01\"]]}]}",
	 "maps[0].entries[0][0]: an odd number of digits"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"01000000\",\"0102\"]]}]}",
	 "maps[0].entries[0][1]: not 1 bytes"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"01000000\"]]}]}",
	 "maps[0].entries[0]: not a key and a value per CPU of the map's sizes"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"02000000\",\"01\"],[\"01000000\",\"01\"]]}]}",
	 "maps[0].entries[1][0]: not after the key before it (memcmp)"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"array\",\"value_size\":1,\"class\":\"live\","
	 "\"entries\":[[\"04000000\",\"01\"]]}]}",
	 "maps[0].entries[0][0]: not an index of this map"},
	{"{\"level\":2,\"maps\":[{" MAP "\"type\":\"hash\",\"value_size\":0,\"class\":\"live\","
	 "\"entries\":[[\"04000000\",\"\"]]}]}",
	 "maps[0].entries: a map without keys or values"},
};

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct hone_request untouched = {.kind = HONE_REQUEST_N};
		char error[HONE_DETAIL_LEN] = "";

		assert_int_equal(
			hone_facts_decode(wrong[i].file, strlen(wrong[i].file), &untouched, error),
			-EINVAL);
		assert_string_equal(error, wrong[i].error);
		assert_int_equal(untouched.kind, HONE_REQUEST_N);
	}
}

static void cut_off_instructions_are_refused(void **state)
{
	struct hone_request request = a_request(NULL, 0), back;
	char error[HONE_DETAIL_LEN], *text, *digits;

	(void)state;
	assert_int_equal(hone_request_encode(&request, &text), 0);
	digits = strstr(text, "\"insns\":\"") + 9;
	memmove(digits, digits + 2, strlen(digits + 2) + 1);
	assert_int_equal(hone_request_decode(text, strlen(text), &back, error), -EINVAL);
	assert_string_equal(error, "unit.insns: cut off");
	free(text);
}

static void no_prefix_of_a_request_is_one(void **state)
{
	struct hone_request request = a_request(NULL, 0), back;
	char error[HONE_DETAIL_LEN], *text;

	(void)state;
	assert_int_equal(hone_request_encode(&request, &text), 0);
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(hone_request_decode(text, n, &back, error), -EINVAL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_as_it_was),
		cmocka_unit_test(a_unit_comes_back_alone),
		cmocka_unit_test(a_result_comes_back_as_it_was),
		cmocka_unit_test(a_refusal_survives_any_detail),
		cmocka_unit_test(a_relocation_of_no_instruction_is_refused),
		cmocka_unit_test(a_line_of_no_instruction_is_refused),
		cmocka_unit_test(names_that_are_not_text_are_refused),
		cmocka_unit_test(a_facts_file_is_read),
		cmocka_unit_test(watched_can_be_denied),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(cut_off_instructions_are_refused),
		cmocka_unit_test(no_prefix_of_a_request_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
