// SPDX-License-Identifier: Apache-2.0
/* compiler/address.c: which programs could tell that a value moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16},
};

#define SITES(...)                                                                                 \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	const struct hone_site *sites = analysed(&unit)->sites;                                    \
	(void)state

/* r0: a value, not NULL from here on. */
#define VALUE() LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, 2), MOV(0, 0), EXIT()
#define DONE() MOV(0, 0), EXIT()

static void reading_and_writing_need_no_address(void **state)
{
	SITES(VALUE(), MOV_REG(6, 0), ALU(BPF_ADD, 6, 8), LOAD(BPF_DW, 1, 6, 0),
	      STORE(BPF_W, 0, 0, 1), STORE_REG(BPF_DW, 10, -16, 0), LOAD(BPF_DW, 7, 10, -16),
	      JUMP(BPF_JEQ, 7, 0, 0), DONE());
	assert_false(sites[0].address_used);
}

static void numbers_may_be_added_to_it(void **state)
{
	SITES(LOAD(BPF_W, 6, 1, 12), ALU(BPF_AND, 6, 7), MOV_REG(8, 6), VALUE(), MOV_REG(7, 0),
	      ALU_REG(BPF_ADD, 7, 6), ALU_REG(BPF_ADD, 8, 0), ALU_REG(BPF_SUB, 0, 6), DONE());
	assert_false(sites[0].address_used);
}

static void comparing_two_uses_both(void **state)
{
	SITES(VALUE(), MOV_REG(6, 0), VALUE(), JUMP_REG(BPF_JEQ, 0, 6, 0), DONE());
	assert_true(sites[0].address_used);
	assert_true(sites[1].address_used);
}

static void ordering_uses_it(void **state)
{
	SITES(VALUE(), JUMP(BPF_JGT, 0, 0, 0), DONE());
	assert_true(sites[0].address_used);
}

static void comparing_with_a_number_uses_it(void **state)
{
	SITES(VALUE(), JUMP(BPF_JEQ, 0, 4096, 0), DONE());
	assert_true(sites[0].address_used);
}

static void subtracting_uses_both(void **state)
{
	SITES(VALUE(), MOV_REG(6, 0), VALUE(), ALU_REG(BPF_SUB, 0, 6), DONE());
	assert_true(sites[0].address_used);
	assert_true(sites[1].address_used);
}

static void other_arithmetic_uses_it(void **state)
{
	SITES(VALUE(), ALU(BPF_RSH, 0, 4), DONE());
	assert_true(sites[0].address_used);
}

static void its_lower_half_uses_it(void **state)
{
	SITES(VALUE(), ALU32_REG(BPF_MOV, 6, 0), DONE());
	assert_true(sites[0].address_used);
}

static void only_its_own_site_is_marked(void **state)
{
	SITES(VALUE(), MOV_REG(6, 0), VALUE(), ALU(BPF_XOR, 0, 1), LOAD(BPF_B, 1, 6, 0), DONE());
	assert_false(sites[0].address_used);
	assert_true(sites[1].address_used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(reading_and_writing_need_no_address),
		ANALYSED(numbers_may_be_added_to_it),
		ANALYSED(comparing_two_uses_both),
		ANALYSED(ordering_uses_it),
		ANALYSED(comparing_with_a_number_uses_it),
		ANALYSED(subtracting_uses_both),
		ANALYSED(other_arithmetic_uses_it),
		ANALYSED(its_lower_half_uses_it),
		ANALYSED(only_its_own_site_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
