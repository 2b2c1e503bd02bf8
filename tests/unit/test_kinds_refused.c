// SPDX-License-Identifier: Apache-2.0
/* compiler/kinds.c: which programs are refused for what their registers hold. */
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
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
	{.index = 2, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4},
};

static void assert_refused(const struct hone_unit *unit, enum hone_reason reason,
			   const char *detail)
{
	struct hone_refusal why = {0};

	assert_null(analysed_kinds_or(unit, &why));
	assert_string_equal(hone_reason_id(why.reason), hone_reason_id(reason));
	assert_string_equal(why.detail, detail);
}

#define REFUSED(reason, detail, ...)                                                               \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	(void)state;                                                                               \
	assert_refused(&unit, reason, detail)

static void refuses_registers_that_were_never_set(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 0: r3 was never set", MOV_REG(0, 3), EXIT());
}

static void refuses_arguments_that_a_call_took(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 5: r1 was never set", LOOKUP_IN(0),
		LOAD(BPF_W, 0, 1, 0), EXIT());
}

static void refuses_frame_or_packet(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 4: r2 holds different kinds on different paths",
		LOAD(BPF_W, 2, 1, 0), LOAD(BPF_W, 3, 1, 12), JUMP(BPF_JEQ, 3, 0, 1), MOV_REG(2, 10),
		LOAD(BPF_B, 0, 2, -1), EXIT());
}

static void accepts_conflicts_that_nobody_uses(void **state)
{
	struct bpf_insn insns[] = {LOAD(BPF_W, 2, 1, 0),
				   LOAD(BPF_W, 3, 1, 12),
				   JUMP(BPF_JEQ, 3, 0, 1),
				   MOV_REG(2, 10),
				   MOV(0, 0),
				   EXIT()};
	struct hone_unit unit = UNIT(insns, maps);

	(void)state;
	assert_int_equal(analysed_kinds(&unit)->reg[5][2].kind, HONE_KIND_CONFLICT);
}

static void refuses_numbers_as_addresses(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 1: r2 is used as an address", MOV(2, 64),
		LOAD(BPF_B, 0, 2, 0), EXIT());
}

static void refuses_accesses_out_of_the_frame(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 0: r10 points out of the frame",
		LOAD(BPF_DW, 0, 10, -4), EXIT());
}

static void refuses_a_lookup_in_no_map(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 3: r1 is not a map", MOV_REG(2, 10),
		ALU(BPF_ADD, 2, -4), MOV(1, 0), LOOKUP(), EXIT());
}

static void refuses_to_let_a_helper_fill_a_number(void **state)
{
	REFUSED(HONE_NO_REGISTER_KIND, "instruction 3: r3 is used as an address",
		LOAD(BPF_W, 3, 1, 12), MOV(2, 0), MOV(4, 4), CALL(BPF_FUNC_xdp_load_bytes), EXIT());
}

static void refuses_other_program_types(void **state)
{
	struct bpf_insn insns[] = {MOV(0, 0), EXIT()};
	struct hone_unit unit = UNIT(insns, maps);

	(void)state;
	unit.prog_type = BPF_PROG_TYPE_KPROBE;
	assert_refused(&unit, HONE_NO_PROG_TYPE, "program type 2");
}

/* ---- real programs ---- */

static const char *const variants[] = {"alw_all", "alw_eth", "alw_ip", "alw_tcp", "alw_udp",
				       "dny_all", "dny_eth", "dny_ip", "dny_tcp", "dny_udp"};

static void xdp_filter_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct hone_unit unit;
		char path[128];

		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_%s.o",
			 variants[i]);
		if (elf_unit_read(path, &unit) != 0)
			fail_msg("%s: not there; install xdp-tools", path);
		analysed_kinds(&unit);
		hone_unit_free(&unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(refuses_registers_that_were_never_set),
		ANALYSED(refuses_arguments_that_a_call_took),
		ANALYSED(refuses_frame_or_packet),
		ANALYSED(accepts_conflicts_that_nobody_uses),
		ANALYSED(refuses_numbers_as_addresses),
		ANALYSED(refuses_accesses_out_of_the_frame),
		ANALYSED(refuses_a_lookup_in_no_map),
		ANALYSED(refuses_to_let_a_helper_fill_a_number),
		ANALYSED(refuses_other_program_types),
		ANALYSED(xdp_filter_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
