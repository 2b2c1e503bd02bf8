// SPDX-License-Identifier: Apache-2.0
/* lift_mem: which accesses to map values an image keeps as they are, by its instructions. Without
 * a kernel. Values are accessed by 16 bits, which nothing else in an image is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/compiler.h"
#include "tests/tools/asm.h"

enum { VALUE_BYTES = 16, TEXT_BYTES = 256 };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* r6: the value of map 0 at an index that is not a constant */
#define ASK                                                                                        \
	ASM_LOAD(BPF_W, BPF_REG_6, BPF_REG_1, 12), ASM_STORE(BPF_W, BPF_REG_10, BPF_REG_6, -4),    \
		ASM_MOV_REG(BPF_REG_2, BPF_REG_10), ASM_ALU_IMM(BPF_ADD, BPF_REG_2, -4),           \
		ASM_MAP(BPF_REG_1, 0), ASM_CALL(BPF_FUNC_map_lookup_elem),                         \
		ASM_MOV_REG(BPF_REG_6, BPF_REG_0), ASM_MOV_IMM(BPF_REG_0, XDP_PASS),               \
		ASM_JMP_IMM(BPF_JNE, BPF_REG_6, 0, 1), ASM_EXIT()
/* Add one to 16 bits of the value: 3 instructions. */
#define INCREMENT(offset)                                                                          \
	ASM_LOAD(BPF_H, BPF_REG_2, BPF_REG_6, offset), ASM_ALU_IMM(BPF_ADD, BPF_REG_2, 1),         \
		ASM_STORE(BPF_H, BPF_REG_6, BPF_REG_2, offset)
#define WRITE(offset) ASM_MOV_IMM(BPF_REG_3, 7), ASM_STORE(BPF_H, BPF_REG_6, BPF_REG_3, offset)
/* Verdict: whether two loads of the same word differ. */
#define READ_TWICE(offset)                                                                         \
	ASM_LOAD(BPF_H, BPF_REG_0, BPF_REG_6, offset),                                             \
		ASM_LOAD(BPF_H, BPF_REG_2, BPF_REG_6, offset),                                     \
		ASM_ALU_REG(BPF_SUB, BPF_REG_0, BPF_REG_2)

/* The image's accesses of 16 bits in their order: "load 0, store 0, …". */
static void describe(const struct hone_image *image, char *text)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < image->n_insns; i++) {
		const struct bpf_insn *insn = &image->insns[i];
		unsigned int class = BPF_CLASS(insn->code);

		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
			i++;
		else if (BPF_MODE(insn->code) == BPF_MEM && BPF_SIZE(insn->code) == BPF_H &&
			 (class == BPF_LDX || class == BPF_STX))
			used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%s%s %d",
						 used ? ", " : "",
						 class == BPF_LDX ? "load" : "store", insn->off);
		assert_true(used < TEXT_BYTES);
	}
}

static struct hone_map array_map(void)
{
	return (struct hone_map){.name = "values",
				 .type = BPF_MAP_TYPE_ARRAY,
				 .key_size = 4,
				 .value_size = VALUE_BYTES,
				 .max_entries = 4,
				 .class = HONE_CLASS_CONFIG,
				 .n_cpus = 1};
}

static void expect_accesses(struct hone_map *map, struct bpf_insn *insns, size_t n,
			    const char *expected)
{
	struct hone_request request = {
		.unit =
			{
				.name = "test",
				.license = "GPL",
				.prog_type = BPF_PROG_TYPE_XDP,
				.expected_attach_type = BPF_XDP,
				.n_insns = (uint32_t)n,
				.insns = insns,
				.n_maps = 1,
				.maps = map,
			},
		.policy = {.level = 2, .max_table_bytes = 4096, .max_insns = 1000},
	};
	struct hone_result result;
	char text[TEXT_BYTES];

	hone_compile(&request, &result);
	if (result.refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_id(result.refused), result.detail);
	describe(&result.image, text);
	assert_string_equal(text, expected);
	hone_result_free(&result);
}

/* A sequence lock's writer: both increments, and the data between them. */
static void increments_and_order_survive(void **state)
{
	struct bpf_insn insns[] = {ASK, INCREMENT(0), WRITE(2), INCREMENT(0), ASM_EXIT()};
	struct hone_map map = array_map();

	(void)state;
	expect_accesses(&map, insns, COUNT(insns), "load 0, store 0, store 2, load 0, store 0");
}

static void global_variables_too(void **state)
{
	struct bpf_insn insns[] = {
		ASM_MAP_VALUE(BPF_REG_6, 0, 0),
		ASM_MOV_IMM(BPF_REG_0, XDP_PASS),
		INCREMENT(0),
		WRITE(2),
		INCREMENT(0),
		ASM_EXIT(),
	};
	struct hone_map map = array_map();

	(void)state;
	expect_accesses(&map, insns, COUNT(insns), "load 0, store 0, store 2, load 0, store 0");
}

static void second_read_survives_where_others_write(void **state)
{
	struct bpf_insn insns[] = {ASK, READ_TWICE(4), ASM_EXIT()};
	struct hone_map map = array_map();

	(void)state;
	map.others.changed[4] = 0xff;
	expect_accesses(&map, insns, COUNT(insns), "load 4, load 4");
}

static void second_read_survives_in_a_mapping(void **state)
{
	struct bpf_insn insns[] = {ASK, READ_TWICE(4), ASM_EXIT()};
	struct hone_map map = array_map();

	(void)state;
	map.flags = BPF_F_MMAPABLE;
	expect_accesses(&map, insns, COUNT(insns), "load 4, load 4");
}

/* What keeps folded constants foldable. */
static void values_that_no_program_writes_are_plain(void **state)
{
	struct bpf_insn insns[] = {ASK, READ_TWICE(4), ASM_EXIT()};
	struct hone_map map = array_map();

	(void)state;
	expect_accesses(&map, insns, COUNT(insns), "");
}

/* ---- what never changes ---- */

/* Verdict: 16 bits of .rodata; and once more through a pointer that moves on. */
static struct bpf_insn read_fixed[] = {
	ASM_MAP_VALUE(BPF_REG_6, 0, 2),
	ASM_LOAD(BPF_H, BPF_REG_0, BPF_REG_6, 2),
	ASM_ALU_IMM(BPF_ADD, BPF_REG_6, 8),
	ASM_LOAD(BPF_H, BPF_REG_1, BPF_REG_6, -2),
	ASM_ALU_REG(BPF_ADD, BPF_REG_0, BPF_REG_1),
	ASM_EXIT(),
};

static struct hone_map fixed_map(void)
{
	static uint8_t key[4], value[VALUE_BYTES] = {[4] = 0x34, 0x12, [8] = 1};
	struct hone_map map = array_map();

	map.max_entries = 1;
	map.flags = BPF_F_RDONLY_PROG;
	map.is_frozen = map.complete = true;
	map.class = HONE_CLASS_FIXED;
	map.n_entries = 1;
	map.keys = key;
	map.values = value;
	return map;
}

static void fixed_values_are_constants(void **state)
{
	struct hone_map map = fixed_map();

	(void)state;
	expect_accesses(&map, read_fixed, COUNT(read_fixed), "");
}

static void fixed_values_are_read_where_not_all_is_known(void **state)
{
	struct hone_map map = fixed_map();

	(void)state;
	map.complete = false;
	expect_accesses(&map, read_fixed, COUNT(read_fixed), "load 4, load 8");
	map = fixed_map();
	map.max_entries = 2; /* another site may have looked up another entry */
	expect_accesses(&map, read_fixed, COUNT(read_fixed), "load 4, load 8");
	map = fixed_map();
	map.is_frozen = false;
	map.class = HONE_CLASS_CONFIG;
	expect_accesses(&map, read_fixed, COUNT(read_fixed), "load 4, load 8");
	map = fixed_map();
	map.value_size = 8; /* the last load is behind it */
	expect_accesses(&map, read_fixed, COUNT(read_fixed), "load 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(increments_and_order_survive),
		cmocka_unit_test(global_variables_too),
		cmocka_unit_test(second_read_survives_where_others_write),
		cmocka_unit_test(second_read_survives_in_a_mapping),
		cmocka_unit_test(values_that_no_program_writes_are_plain),
		cmocka_unit_test(fixed_values_are_constants),
		cmocka_unit_test(fixed_values_are_read_where_not_all_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
