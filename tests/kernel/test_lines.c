// SPDX-License-Identifier: Apache-2.0
/* lines: an image's instructions name the source lines of the original's. A program of four
 * lines, its BTF made by hand; of one of them nothing is left in the image. Needs BPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <cmocka.h>

#include "runtime/deploy/load.h"
#include "tests/tools/asm.h"
#include "tests/tools/honec.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"

enum { FUNCTION = 3, /* its type */ LINES = 4, LINES_MAX = 64, COLUMN = 3, LINE_SHIFT = 10 };

static const struct bpf_insn insns[] = {
	ASM_LOAD(BPF_W, BPF_REG_2, BPF_REG_1, 8), /* line 100 */
	ASM_MOV_IMM(BPF_REG_0, 11),		  /* line 200: folded away */
	ASM_ALU_IMM(BPF_ADD, BPF_REG_0, 22),
	ASM_MOV_IMM(BPF_REG_0, XDP_DROP), /* line 300 */
	ASM_JMP_IMM(BPF_JGT, BPF_REG_2, 7, 1),
	ASM_LOAD(BPF_W, BPF_REG_0, BPF_REG_1, 12), /* line 400 */
	ASM_EXIT(),
};
static const uint32_t begins[LINES] = {0, 1, 3, 5};
static const char *const texts[LINES] = {"meta = ctx->data_meta;", "verdict = 11 + 22;",
					 "if (meta > 7)", "return ctx->ingress_ifindex;"};

static struct bpf_func_info function = {.type_id = FUNCTION};
static struct honec honec;
static struct btf *btf;
static struct bpf_line_info lines[LINES];

static int set_up(void **state)
{
	struct bpf_btf_info info = {0};
	__u32 size = sizeof(info);

	(void)state;
	kernel_test_needs_root();
	btf = btf__new_empty();
	assert_int_equal(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), 1);
	assert_int_equal(btf__add_func_proto(btf, 1), 2);
	assert_int_equal(btf__add_func(btf, "lines_by_hand", BTF_FUNC_GLOBAL, 2), FUNCTION);
	for (uint32_t i = 0; i < LINES; i++)
		lines[i] = (struct bpf_line_info){
			.insn_off = begins[i],
			.file_name_off = (__u32)btf__add_str(btf, "/made/by/hand.c"),
			.line_off = (__u32)btf__add_str(btf, texts[i]),
			.line_col = (i + 1) * 100 << LINE_SHIFT | COLUMN};
	assert_int_equal(btf__load_into_kernel(btf), 0);
	assert_int_equal(bpf_obj_get_info_by_fd(btf__fd(btf), &info, &size), 0);
	assert_true(info.id > 0);
	return honec_start(&honec);
}

static int tear_down(void **state)
{
	(void)state;
	btf__free(btf);
	return honec_stop(&honec);
}

static uint32_t btf_id(void)
{
	struct bpf_btf_info info = {0};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(btf__fd(btf), &info, &size), 0);
	return info.id;
}

static struct hone_unit unit_with(uint32_t n_lines)
{
	return (struct hone_unit){.name = "lines",
				  .license = "GPL",
				  .prog_type = BPF_PROG_TYPE_XDP,
				  .expected_attach_type = BPF_XDP,
				  .btf_id = btf_id(),
				  .n_insns = sizeof(insns) / sizeof(insns[0]),
				  .insns = (struct bpf_insn *)(uintptr_t)insns,
				  .func_info_rec_size = sizeof(function),
				  .n_func_info = 1,
				  .func_info = (uint8_t *)&function,
				  .line_info_rec_size = sizeof(lines[0]),
				  .n_line_info = n_lines,
				  .line_info = (uint8_t *)lines};
}

static void compile(const struct hone_unit *unit, struct hone_result *result)
{
	struct hone_request request = {.unit = *unit, .policy = honec_policy(0)};

	assert_int_equal(honec_ask(&honec, &request, result), 0);
	if (result->refused != HONE_REWRITTEN)
		fail_msg("%s: %s", hone_reason_text(result->refused), result->detail);
}

/* The record that holds at an instruction of the image; -1: none. */
static int64_t record_at(const struct hone_image *image, uint32_t insn)
{
	int64_t record = -1;

	for (uint32_t i = 0; i < image->n_lines && image->lines[i].insn <= insn; i++)
		record = image->lines[i].record;
	return record;
}

static void instructions_keep_their_records(void **state)
{
	struct hone_unit unit = unit_with(LINES);
	struct hone_result result;
	const struct hone_image *image = &result.image;
	uint32_t n_found = 0;

	(void)state;
	compile(&unit, &result);
	assert_true(image->n_lines >= 3);
	assert_int_equal(image->lines[0].insn, 0);
	for (uint32_t i = 0; i < image->n_lines; i++)
		assert_int_not_equal(image->lines[i].record, 1); /* nothing is left of it */
	for (uint32_t i = 0; i < image->n_insns; i++) {
		const struct bpf_insn *insn = &image->insns[i];

		if (insn->code == (BPF_LDX | BPF_MEM | BPF_W) && insn->off == 8) {
			assert_int_equal(record_at(image, i), 0);
			n_found++;
		}
		if (insn->code == (BPF_LDX | BPF_MEM | BPF_W) && insn->off == 12) {
			assert_int_equal(record_at(image, i), 3);
			n_found++;
		}
	}
	assert_int_equal(n_found, 2);
	hone_result_free(&result);
}

/* The kernel has them, too: with file, text and number of the original. */
static void a_loaded_image_names_source_lines(void **state)
{
	static const struct hone_maps none = HONE_MAPS_EMPTY;
	struct bpf_line_info found[LINES_MAX];
	struct bpf_prog_info info = {.nr_line_info = LINES_MAX,
				     .line_info_rec_size = sizeof(found[0]),
				     .line_info = (uintptr_t)found};
	struct hone_unit unit = unit_with(LINES);
	__u32 size = sizeof(info);
	struct hone_result result;
	struct btf *types; /* the image's own */
	struct pair pair;

	(void)state;
	compile(&unit, &result);
	if (pair_load(&unit, &none, &none, &result.image, &pair))
		fail_msg("%s", pair.detail);
	assert_int_equal(bpf_obj_get_info_by_fd(pair.image_fd, &info, &size), 0);
	types = btf__load_from_kernel_by_id(info.btf_id);
	assert_non_null(types);
	assert_int_equal(info.nr_func_info, 1);
	assert_in_range(info.nr_line_info, 3, LINES_MAX);
	for (uint32_t i = 0; i < info.nr_line_info; i++) {
		uint32_t line = found[i].line_col >> LINE_SHIFT;

		assert_true(line == 100 || line == 300 || line == 400);
		assert_string_equal(btf__str_by_offset(types, found[i].line_off),
				    texts[line / 100 - 1]);
	}
	btf__free(types);
	pair_close(&pair);
	hone_result_free(&result);
}

/* The root is the original with a prologue, which belongs to the first line. */
static void a_root_names_source_lines(void **state)
{
	static const struct hone_maps none = HONE_MAPS_EMPTY;
	struct bpf_line_info found[LINES_MAX];
	struct bpf_prog_info info = {.nr_line_info = LINES_MAX,
				     .line_info_rec_size = sizeof(found[0]),
				     .line_info = (uintptr_t)found};
	struct hone_unit unit = unit_with(LINES);
	int slots_fd = hone_load_slots();
	char detail[HONE_DETAIL_LEN];
	struct hone_loaded root;
	__u32 size = sizeof(info);

	(void)state;
	assert_true(slots_fd >= 0);
	if (hone_load_root(&unit, &none, slots_fd, &root, detail))
		fail_msg("%s", detail);
	assert_int_equal(bpf_obj_get_info_by_fd(root.fd, &info, &size), 0);
	assert_int_equal(info.nr_line_info, LINES);
	assert_int_equal(found[0].insn_off, 0);
	for (uint32_t i = 0; i < LINES; i++)
		assert_int_equal(found[i].line_col >> LINE_SHIFT, (i + 1) * 100);
	close(root.fd);
	close(slots_fd);
}

static void nothing_is_invented(void **state)
{
	struct hone_unit unit = unit_with(0);
	struct hone_result result;

	(void)state;
	compile(&unit, &result);
	assert_int_equal(result.image.n_lines, 0);
	hone_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_keep_their_records),
		cmocka_unit_test(a_loaded_image_names_source_lines),
		cmocka_unit_test(a_root_names_source_lines),
		cmocka_unit_test(nothing_is_invented),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
