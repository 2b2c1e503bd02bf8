// SPDX-License-Identifier: Apache-2.0
/* map_order: fds in instructions become indexes, or the program is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/live/map_order.h"
#include "tests/tools/asm.h"

#define REFERENCE(pseudo, first, second)                                                           \
	{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = (pseudo), .imm = (first)},                  \
	{                                                                                          \
		.imm = (second)                                                                    \
	}
#define ORDER(insns, n_maps)                                                                       \
	hone_map_order(insns, sizeof(insns) / sizeof((insns)[0]), n_maps, detail)

static char detail[HONE_DETAIL_LEN];

static void indexes_follow_first_use(void **state)
{
	struct bpf_insn insns[] = {
		REFERENCE(BPF_PSEUDO_MAP_FD, 9, 0),
		REFERENCE(BPF_PSEUDO_MAP_VALUE, 4, 12),
		REFERENCE(BPF_PSEUDO_MAP_FD, 4, 0),
		REFERENCE(BPF_PSEUDO_MAP_VALUE, 9, 8),
		ASM_EXIT(),
	};

	(void)state;
	assert_int_equal(ORDER(insns, 2), HONE_REWRITTEN);
	assert_int_equal(insns[0].imm, 0);
	assert_int_equal(insns[2].imm, 1);
	assert_int_equal(insns[3].imm, 12);
	assert_int_equal(insns[4].imm, 1);
	assert_int_equal(insns[6].imm, 0);
	assert_int_equal(insns[7].imm, 8);
}

static void constants_callbacks_and_kernel_variables_stay(void **state)
{
	struct bpf_insn insns[] = {
		REFERENCE(0, 5, 6),
		REFERENCE(BPF_PSEUDO_FUNC, 7, 0),
		REFERENCE(BPF_PSEUDO_BTF_ID, 8, 0),
		ASM_EXIT(),
	};
	struct bpf_insn before[sizeof(insns) / sizeof(insns[0])];

	(void)state;
	memcpy(before, insns, sizeof(insns));
	assert_int_equal(ORDER(insns, 0), HONE_REWRITTEN);
	assert_memory_equal(insns, before, sizeof(insns));
}

/* The second half of a wide constant may look like another one. */
static void second_halves_are_not_instructions(void **state)
{
	struct bpf_insn insns[] = {
		REFERENCE(BPF_PSEUDO_MAP_FD, 3, 0),
		ASM_EXIT(),
	};

	(void)state;
	insns[1].code = BPF_LD | BPF_IMM | BPF_DW;
	insns[1].src_reg = BPF_PSEUDO_MAP_FD;
	insns[1].imm = 77;
	assert_int_equal(ORDER(insns, 1), HONE_REWRITTEN);
	assert_int_equal(insns[1].imm, 77);
}

static void more_or_fewer_fds_than_maps_are_refused(void **state)
{
	const struct bpf_insn two[] = {
		REFERENCE(BPF_PSEUDO_MAP_FD, 3, 0),
		REFERENCE(BPF_PSEUDO_MAP_FD, 5, 0),
	};
	struct bpf_insn insns[4];

	(void)state;
	for (uint32_t n_maps = 0; n_maps < 4; n_maps++) {
		memcpy(insns, two, sizeof(two));
		assert_int_equal(ORDER(insns, n_maps),
				 n_maps == 2 ? HONE_REWRITTEN : HONE_NO_CAPTURE_MAPS);
	}
}

static void no_more_than_the_kernels_maps_are_taken(void **state)
{
	struct bpf_insn insns[2 * (HONE_MAPS_MAX + 1)] = {0};

	(void)state;
	for (int i = 0; i <= HONE_MAPS_MAX; i++) {
		insns[2 * i].code = BPF_LD | BPF_IMM | BPF_DW;
		insns[2 * i].src_reg = BPF_PSEUDO_MAP_FD;
		insns[2 * i].imm = i;
	}
	assert_int_equal(hone_map_order(insns, 2 * HONE_MAPS_MAX, HONE_MAPS_MAX, detail),
			 HONE_REWRITTEN);
	assert_int_equal(ORDER(insns, HONE_MAPS_MAX + 1), HONE_NO_CAPTURE_MAPS);
}

static void foreign_references_are_refused(void **state)
{
	const struct bpf_insn rows[][2] = {
		{REFERENCE(BPF_PSEUDO_MAP_IDX, 0, 0)},
		{REFERENCE(BPF_PSEUDO_MAP_IDX_VALUE, 0, 0)},
		{REFERENCE(BPF_PSEUDO_BTF_ID, 1, 5)}, /* of a module, by fd */
		{REFERENCE(9, 0, 0)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bpf_insn insns[2];

		memcpy(insns, rows[i], sizeof(insns));
		assert_int_equal(ORDER(insns, 1), HONE_NO_CAPTURE_FORM);
	}
}

static void a_cut_off_reference_is_refused(void **state)
{
	struct bpf_insn insns[] = {REFERENCE(BPF_PSEUDO_MAP_FD, 3, 0)};

	(void)state;
	assert_int_equal(hone_map_order(insns, 1, 1, detail), HONE_NO_CAPTURE_FORM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indexes_follow_first_use),
		cmocka_unit_test(constants_callbacks_and_kernel_variables_stay),
		cmocka_unit_test(second_halves_are_not_instructions),
		cmocka_unit_test(more_or_fewer_fds_than_maps_are_refused),
		cmocka_unit_test(no_more_than_the_kernels_maps_are_taken),
		cmocka_unit_test(foreign_references_are_refused),
		cmocka_unit_test(a_cut_off_reference_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
