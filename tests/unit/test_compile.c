// SPDX-License-Identifier: Apache-2.0
/* compile: requests to results, without a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/compiler.h"
#include "tests/tools/asm.h"
#include "tests/unit/elf_unit.h"

#define XDP_FILTER "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_ip.o"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hone_request request_of(struct bpf_insn *insns, size_t n_insns)
{
	return (struct hone_request){
		.unit =
			{
				.name = "test",
				.license = "GPL",
				.prog_type = BPF_PROG_TYPE_XDP,
				.expected_attach_type = BPF_XDP,
				.n_insns = (uint32_t)n_insns,
				.insns = insns,
			},
		.policy = {.max_table_bytes = 4096, .max_entries = 100, .max_insns = 1000},
	};
}

static struct bpf_insn pass[] = {ASM_MOV_IMM(BPF_REG_0, XDP_PASS), ASM_EXIT()};

static void assert_refused(const struct hone_request *request, enum hone_reason reason,
			   const char *detail)
{
	struct hone_result result;

	hone_compile(request, &result);
	if (result.refused != reason || !strstr(result.detail, detail))
		fail_msg("%s: %s", hone_reason_id(result.refused), result.detail);
	assert_int_equal(result.image.n_insns, 0);
	assert_null(result.image.insns);
	assert_null(result.image.table);
	hone_result_free(&result);
}

static bool refers_to(const struct hone_image *image, enum hone_reloc_kind kind)
{
	for (uint32_t i = 0; i < image->n_relocs; i++)
		if (image->relocs[i].kind == kind)
			return true;
	return false;
}

static void image_is_guarded(void **state)
{
	struct hone_request request = request_of(pass, COUNT(pass));
	uint64_t expected;
	struct hone_result result;

	(void)state;
	hone_compile(&request, &result);
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_true(refers_to(&result.image, HONE_RELOC_GUARD));
	assert_true(refers_to(&result.image, HONE_RELOC_TABLE));
	assert_true(refers_to(&result.image, HONE_RELOC_SLOTS));
	assert_true(refers_to(&result.image, HONE_RELOC_COUNTS));
	assert_int_equal(result.n_blocks, 1);
	assert_true(result.image.table_bytes >= sizeof(expected));
	memcpy(&expected, result.image.table, sizeof(expected));
	assert_true(expected == HONE_EPOCH_NEVER);
	hone_result_free(&result);
}

static void same_request_gives_same_bytes(void **state)
{
	struct hone_request request = request_of(NULL, 0);
	struct hone_result a, b;

	(void)state;
	if (elf_unit_read(XDP_FILTER, &request.unit))
		skip();
	hone_compile(&request, &a);
	hone_compile(&request, &b);
	assert_int_equal(a.refused, HONE_REWRITTEN);
	assert_int_equal(a.image.n_insns, b.image.n_insns);
	assert_int_equal(a.image.n_relocs, b.image.n_relocs);
	assert_int_equal(a.image.table_bytes, b.image.table_bytes);
	assert_memory_equal(a.image.insns, b.image.insns, a.image.n_insns * sizeof(*a.image.insns));
	assert_memory_equal(a.image.relocs, b.image.relocs,
			    a.image.n_relocs * sizeof(*a.image.relocs));
	assert_memory_equal(a.image.table, b.image.table, a.image.table_bytes);
	hone_result_free(&a);
	hone_result_free(&b);
	hone_unit_free(&request.unit);
}

static void analysis_builds_no_image(void **state)
{
	struct hone_request request = request_of(NULL, 0);
	struct hone_result result;

	(void)state;
	if (elf_unit_read(XDP_FILTER, &request.unit))
		skip();
	request.kind = HONE_REQUEST_ANALYSE;
	hone_compile(&request, &result);
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(result.image.n_insns, 0);
	assert_int_equal(result.n_effects, request.unit.n_maps);
	assert_true(result.n_sites > 0);
	assert_int_equal(result.sites[0].kind, HONE_SITE_LOOKUP);
	assert_int_equal(result.sites[0].reason, HONE_NO_LEVEL);
	hone_result_free(&result);
	hone_unit_free(&request.unit);
}

static void coverage_names_the_blocks(void **state)
{
	struct bpf_insn insns[] = {
		ASM_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, 12),
		ASM_MOV_IMM(BPF_REG_0, XDP_PASS),
		ASM_JMP_IMM(BPF_JEQ, BPF_REG_2, 7, 1),
		ASM_MOV_IMM(BPF_REG_0, XDP_DROP),
		ASM_EXIT(),
	};
	struct hone_request request = request_of(insns, COUNT(insns));
	struct hone_result result;

	(void)state;
	request.kind = HONE_REQUEST_COVER;
	hone_compile(&request, &result);
	assert_int_equal(result.refused, HONE_REWRITTEN);
	assert_int_equal(result.n_blocks, 3);
	assert_int_equal(result.block_insns[0], 0);
	assert_int_equal(result.block_insns[1], 3);
	assert_int_equal(result.block_insns[2], 4);
	assert_true(result.cover_offset >= sizeof(uint64_t));
	assert_true(result.image.table_bytes >= result.cover_offset + result.n_blocks);
	assert_false(refers_to(&result.image, HONE_RELOC_GUARD));
	hone_result_free(&result);
}

static void refuses_what_the_budget_does_not_allow(void **state)
{
	struct hone_request request = request_of(pass, COUNT(pass));

	(void)state;
	request.policy.max_insns = 10;
	assert_refused(&request, HONE_NO_BUDGET_INSNS, "allowed are 10");
	request.policy.max_insns = 1000;
	request.policy.max_table_bytes = 8;
	assert_refused(&request, HONE_NO_BUDGET, "guard");
}

/* 512 bytes of stack for a helper, and more values over its call than registers that keep them:
 * LLVM computes the products once, the program computed them twice. */
static void refuses_what_the_back_end_cannot_do(void **state)
{
	struct bpf_insn insns[64];
	uint32_t n = 0;
	struct hone_request request;

	(void)state;
	for (uint8_t reg = 6; reg < 10; reg++)
		insns[n++] = (struct bpf_insn)ASM_LOAD(BPF_W, (reg & 15u), BPF_REG_1,
						       (short)(4 * (reg - 4)));
	for (int half = 0; half < 2; half++) {
		insns[n++] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_5, 0);
		for (uint8_t a = 6; a < 10; a++) {
			for (uint8_t b = (uint8_t)(a + 1); b < 10; b++) {
				insns[n++] = (struct bpf_insn)ASM_MOV_REG(BPF_REG_4, (a & 15u));
				insns[n++] =
					(struct bpf_insn)ASM_ALU_REG(BPF_MUL, BPF_REG_4, (b & 15u));
				insns[n++] = (struct bpf_insn)ASM_ALU_REG(half ? BPF_XOR : BPF_ADD,
									  BPF_REG_5, BPF_REG_4);
			}
		}
		if (half)
			break;
		insns[n++] = (struct bpf_insn)ASM_MOV_REG(BPF_REG_1, BPF_REG_10);
		insns[n++] = (struct bpf_insn)ASM_ALU_IMM(BPF_ADD, BPF_REG_1, -512);
		insns[n++] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_2, 512);
		insns[n++] = (struct bpf_insn)ASM_MOV_REG(BPF_REG_3, BPF_REG_1);
		insns[n++] = (struct bpf_insn)ASM_MOV_IMM(BPF_REG_4, 512);
		insns[n++] = (struct bpf_insn)ASM_CALL(BPF_FUNC_csum_diff);
	}
	insns[n++] = (struct bpf_insn)ASM_ALU_REG(BPF_XOR, BPF_REG_0, BPF_REG_5);
	insns[n++] = (struct bpf_insn)ASM_EXIT();
	request = request_of(insns, n);
	assert_refused(&request, HONE_NO_BACKEND, "stack");
}

static void refuses_what_decode_refuses(void **state)
{
	struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = -1},
		ASM_EXIT(),
	};
	struct hone_request request = request_of(insns, COUNT(insns));

	(void)state;
	assert_refused(&request, HONE_NO_RECURSION, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_is_guarded),
		cmocka_unit_test(same_request_gives_same_bytes),
		cmocka_unit_test(analysis_builds_no_image),
		cmocka_unit_test(coverage_names_the_blocks),
		cmocka_unit_test(refuses_what_the_budget_does_not_allow),
		cmocka_unit_test(refuses_what_the_back_end_cannot_do),
		cmocka_unit_test(refuses_what_decode_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
