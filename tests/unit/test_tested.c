// SPDX-License-Identifier: Apache-2.0
/* compiler/tested.c: is a looked-up word only tested by fixed bits? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/elf_unit.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4},
};

#define SITE(...)                                                                                  \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	const struct hone_site *site = analysed(&unit)->sites;                                     \
	(void)state

/* r0: value of map 0; on a miss the program returns 0. */
#define HIT LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, 2), MOV(0, 0), EXIT()
enum { HIT_INSNS = LOOKUP_IN_INSNS + 3 };
#define RETURN(n) MOV(0, n), EXIT()

static void assert_tested(const struct hone_site *site, uint32_t offset, uint64_t bits,
			  uint32_t n_loads)
{
	assert_true(site->tested_ok);
	assert_int_equal(site->tested_offset, offset);
	assert_int_equal(site->tested_bits, bits);
	assert_int_equal(site->n_loads, n_loads);
}

static void a_masked_compare_is_a_test(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 0xa), JUMP(BPF_JEQ, 1, 0xa, 2), RETURN(2),
	     STORE(BPF_DW, 0, 0, 1), RETURN(1));
	assert_tested(site, 0, 0xa, 1);
	assert_int_equal(site->loads[0], HIT_INSNS);
}

static void a_store_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 0xa), JUMP(BPF_JEQ, 1, 0xa, 2),
	     STORE(BPF_DW, 0, 0, 1), RETURN(2), RETURN(1));
	assert_false(site->tested_ok);
}

static void counting_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_ADD, 1, 1), STORE_REG(BPF_DW, 0, 0, 1), RETURN(2));
	assert_false(site->tested_ok);
}

static void several_tests_join_their_bits(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 6, 0, 8), MOV_REG(1, 6), ALU(BPF_AND, 1, 1), JUMP(BPF_JNE, 1, 0, 3),
	     MOV_REG(1, 6), ALU(BPF_AND, 1, 4), JUMP(BPF_JEQ, 1, 0, 1), STORE(BPF_DW, 0, 8, 1),
	     RETURN(2));
	assert_tested(site, 8, 5, 1);
}

static void two_loads_of_one_word_are_one_word(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 1), JUMP(BPF_JNE, 1, 0, 2),
	     LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 2), RETURN(2));
	assert_tested(site, 0, 3, 2);
	assert_int_equal(site->loads[1], HIT_INSNS + 3);
}

static void two_words_are_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 1), LOAD(BPF_DW, 1, 0, 8),
	     ALU(BPF_AND, 1, 2), RETURN(2));
	assert_false(site->tested_ok);
}

static void narrow_loads_are_not(void **state)
{
	SITE(HIT, LOAD(BPF_B, 1, 0, 0), ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site->tested_ok);
}

static void unaligned_words_are_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 4), ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site->tested_ok);
}

static void words_past_the_value_are_not(void **state)
{
	SITE(LOOKUP_IN(1), JUMP(BPF_JNE, 0, 0, 2), MOV(0, 0), EXIT(), LOAD(BPF_DW, 1, 0, 0),
	     ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site->tested_ok);
}

static void a_result_nobody_loads_is_not(void **state)
{
	SITE(LOOKUP_IN(0), RETURN(2));
	assert_false(site->tested_ok);
}

static void a_returned_word_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 0, 0, 0), EXIT());
	assert_false(site->tested_ok);
}

static void a_returned_bit_is_zero(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 0, 0, 0), ALU(BPF_AND, 0, 1), EXIT());
	assert_tested(site, 0, 1, 1);
}

static void a_word_given_to_a_helper_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), MOV(2, 0), CALL(BPF_FUNC_redirect), EXIT());
	assert_false(site->tested_ok);
}

static void a_pointer_given_to_a_helper_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 1), MOV_REG(2, 0), LD_MAP(1, 0), LOOKUP(),
	     RETURN(2));
	assert_false(site->tested_ok);
}

static void a_word_in_memory_that_a_helper_reads_is_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -8, 1), LOOKUP_IN(0), RETURN(2));
	assert_false(site->tested_ok);
}

static void a_word_in_the_packet_is_not(void **state)
{
	SITE(LOAD(BPF_W, 6, 1, 0), HIT, LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 6, 0, 1),
	     RETURN(2));
	assert_false(site->tested_ok);
}

static void spills_are_followed(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -16, 1),
	     STORE_REG(BPF_DW, 10, -24, 0), MOV(0, 0), LOAD(BPF_DW, 2, 10, -16),
	     LOAD(BPF_DW, 3, 10, -24), ALU(BPF_AND, 2, 8), JUMP(BPF_JEQ, 2, 0, 1),
	     STORE(BPF_DW, 3, 0, 0), RETURN(2));
	assert_tested(site, 0, 8, 1);
}

static void parts_of_a_spilled_word_are_not(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -16, 1), LOAD(BPF_B, 2, 10, -16),
	     RETURN(2));
	assert_false(site->tested_ok);
}

static void tests_in_32_bits_count(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU32_REG(BPF_MOV, 2, 1), ALU32(BPF_AND, 2, 9),
	     INSN(BPF_JMP32 | BPF_JEQ | BPF_K, 2, 0, 1, 9), RETURN(2), RETURN(1));
	assert_tested(site, 0, 9, 1);
}

static void sign_extended_masks_reach_the_upper_half(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, -4), RETURN(2));
	assert_tested(site, 0, ~3ull, 1);
}

static void masks_in_registers_count(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), MOV(2, 6), ALU_REG(BPF_AND, 2, 1), RETURN(2));
	assert_tested(site, 0, 6, 1);
}

static void unknown_masks_do_not(void **state)
{
	SITE(LOAD(BPF_W, 6, 1, 12), HIT, LOAD(BPF_DW, 1, 0, 0), ALU_REG(BPF_AND, 1, 6), RETURN(2));
	assert_false(site->tested_ok);
}

static void jset_is_a_test(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), JUMP(BPF_JSET, 1, 0x30, 2), RETURN(2),
	     STORE(BPF_DW, 0, 0, 1), RETURN(1));
	assert_tested(site, 0, 0x30, 1);
}

static void comparing_the_whole_word_tests_every_bit(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), JUMP(BPF_JNE, 1, 0, 2), RETURN(2), STORE(BPF_DW, 0, 0, 1),
	     RETURN(1));
	assert_tested(site, 0, UINT64_MAX, 1);
}

static void shifted_words_are_not_followed(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_RSH, 1, 3), ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site->tested_ok);
}

/* r1: the word on one path, a packet's on the other; then used. */
static void a_word_on_one_path_only_taints(void **state)
{
	SITE(LOAD(BPF_W, 6, 1, 12), HIT, LOAD(BPF_DW, 1, 0, 0), JUMP(BPF_JEQ, 6, 0, 1), MOV(1, 0),
	     ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site->tested_ok);
}

static void a_taint_that_is_overwritten_is_none(void **state)
{
	SITE(LOAD(BPF_W, 6, 1, 12), HIT, LOAD(BPF_DW, 1, 0, 0), JUMP(BPF_JEQ, 6, 0, 1), MOV(1, 0),
	     MOV(1, 3), LOAD(BPF_DW, 2, 0, 0), ALU(BPF_AND, 2, 1), RETURN(2));
	assert_tested(site, 0, 1, 2);
}

/* A shared load of two lookups: it cannot be zeroed for one of them. */
static void loads_shared_with_another_site_are_not(void **state)
{
	SITE(LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, HIT_INSNS), HIT, LOAD(BPF_DW, 1, 0, 0),
	     ALU(BPF_AND, 1, 1), RETURN(2));
	assert_false(site[0].tested_ok);
	assert_false(site[1].tested_ok);
}

/* What an earlier round found may still be around. */
static void lookups_in_loops_are_not(void **state)
{
	SITE(MOV(6, 0), LOOKUP_IN(0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 1), ALU(BPF_ADD, 6, 1),
	     JUMP(BPF_JLT, 6, 3, -(LOOKUP_IN_INSNS + 4)), RETURN(2));
	assert_true(site->in_loop);
	assert_false(site->tested_ok);
}

static void loops_after_the_lookup_are_followed(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), MOV(6, 0), MOV_REG(2, 1), ALU(BPF_AND, 2, 1),
	     ALU(BPF_ADD, 6, 1), JUMP(BPF_JLT, 6, 3, -4), RETURN(2));
	assert_tested(site, 0, 1, 1);
}

/* On a miss r0 is returned: NULL, never the pointer. */
static void the_miss_path_does_not_matter(void **state)
{
	SITE(LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, 1), EXIT(), LOAD(BPF_DW, 1, 0, 0),
	     ALU(BPF_AND, 1, 1), RETURN(2));
	assert_tested(site, 0, 1, 1);
}

static void pointers_compared_with_pointers_are_not(void **state)
{
	SITE(LOAD(BPF_W, 6, 1, 0), HIT, LOAD(BPF_DW, 1, 0, 0), ALU(BPF_AND, 1, 1),
	     JUMP_REG(BPF_JGT, 0, 6, 0), RETURN(2));
	assert_false(site->tested_ok);
}

static void masks_in_32_bits_end_there(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU32(BPF_AND, 1, -4), RETURN(2));
	assert_tested(site, 0, 0xfffffffc, 1);
}

static void compares_in_32_bits_test_the_lower_half(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), INSN(BPF_JMP32 | BPF_JNE | BPF_K, 1, 0, 2, 0), RETURN(2),
	     STORE(BPF_DW, 0, 0, 1), RETURN(1));
	assert_tested(site, 0, UINT32_MAX, 1);
}

static void the_lower_half_is_a_word_of_its_own(void **state)
{
	SITE(HIT, LOAD(BPF_DW, 1, 0, 0), ALU32_REG(BPF_MOV, 2, 1), JUMP(BPF_JNE, 2, 0, 2),
	     RETURN(2), STORE(BPF_DW, 0, 0, 1), RETURN(1));
	assert_tested(site, 0, UINT32_MAX, 1);
}

/* ---- xdp-filter ---- */

/* common_kern_user.h: SRC 1, DST 2, TCP 4, UDP 8. The lookups of ports come in this order. */
static const struct {
	const char *variant;
	uint32_t n;
	uint64_t bits[4];
} ports[] = {
	{"alw_all", 4, {0xa, 0x9, 0x6, 0x5}}, {"dny_all", 4, {0xa, 0x9, 0x6, 0x5}},
	{"alw_tcp", 2, {0x6, 0x5}},	      {"dny_tcp", 2, {0x6, 0x5}},
	{"alw_udp", 2, {0xa, 0x9}},	      {"dny_udp", 2, {0xa, 0x9}},
};

static void check_ports(const struct hone_unit *unit, uint32_t n, const uint64_t *bits)
{
	const struct hone_analysis *analysis = analysed(unit);
	uint32_t map = elf_unit_map(unit, "filter_ports"), met = 0;

	for (uint32_t i = 0; i < analysis->n_sites; i++) {
		const struct hone_site *site = &analysis->sites[i];

		if (site->maps != 1ull << map)
			continue;
		assert_true(met < n);
		assert_tested(site, 0, bits[met], 1);
		assert_int_equal(unit->insns[site->loads[0]].code, BPF_LDX | BPF_MEM | BPF_DW);
		met++;
	}
	assert_int_equal(met, n);
}

static void xdp_filter_only_tests_port_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct hone_unit unit;
		char path[128];

		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_%s.o",
			 ports[i].variant);
		if (elf_unit_read(path, &unit) != 0)
			fail_msg("%s: not there; install xdp-tools", path);
		check_ports(&unit, ports[i].n, ports[i].bits);
		hone_unit_free(&unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(a_masked_compare_is_a_test),
		ANALYSED(a_store_is_not),
		ANALYSED(counting_is_not),
		ANALYSED(several_tests_join_their_bits),
		ANALYSED(two_loads_of_one_word_are_one_word),
		ANALYSED(two_words_are_not),
		ANALYSED(narrow_loads_are_not),
		ANALYSED(unaligned_words_are_not),
		ANALYSED(words_past_the_value_are_not),
		ANALYSED(a_result_nobody_loads_is_not),
		ANALYSED(a_returned_word_is_not),
		ANALYSED(a_returned_bit_is_zero),
		ANALYSED(a_word_given_to_a_helper_is_not),
		ANALYSED(a_pointer_given_to_a_helper_is_not),
		ANALYSED(a_word_in_memory_that_a_helper_reads_is_not),
		ANALYSED(a_word_in_the_packet_is_not),
		ANALYSED(spills_are_followed),
		ANALYSED(parts_of_a_spilled_word_are_not),
		ANALYSED(tests_in_32_bits_count),
		ANALYSED(sign_extended_masks_reach_the_upper_half),
		ANALYSED(masks_in_registers_count),
		ANALYSED(unknown_masks_do_not),
		ANALYSED(jset_is_a_test),
		ANALYSED(comparing_the_whole_word_tests_every_bit),
		ANALYSED(shifted_words_are_not_followed),
		ANALYSED(a_word_on_one_path_only_taints),
		ANALYSED(a_taint_that_is_overwritten_is_none),
		ANALYSED(loads_shared_with_another_site_are_not),
		ANALYSED(lookups_in_loops_are_not),
		ANALYSED(loops_after_the_lookup_are_followed),
		ANALYSED(the_miss_path_does_not_matter),
		ANALYSED(pointers_compared_with_pointers_are_not),
		ANALYSED(xdp_filter_only_tests_port_flags),
		ANALYSED(masks_in_32_bits_end_there),
		ANALYSED(compares_in_32_bits_test_the_lower_half),
		ANALYSED(the_lower_half_is_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
