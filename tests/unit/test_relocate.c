// SPDX-License-Identifier: Apache-2.0
/* relocate: objects of the BPF back end, and what is not one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/compiler.h"
#include "compiler/ir.h"

struct emitted {
	struct hone_arena *arena;
	struct hone_ir *ir;
	LLVMMemoryBufferRef object;
};

/* Text of a module to an object, as compile.c does it. */
static struct emitted emit(const char *text)
{
	struct emitted e = {.arena = hone_arena_new()};

	e.ir = hone_ir_new(e.arena, "v3", UINT32_MAX);
	assert_non_null(e.ir);
	assert_int_equal(hone_ir_parse(e.ir, "test", text, strlen(text)), 0);
	assert_int_equal(hone_optimize(e.ir), 0);
	assert_int_equal(hone_emit(e.ir, &e.object), 0);
	return e;
}

static void release(struct emitted *e)
{
	LLVMDisposeMemoryBuffer(e->object);
	hone_ir_free(e->ir);
	hone_arena_free(e->arena);
}

static int relocate(const struct emitted *e, struct hone_image *image, struct hone_refusal *why)
{
	memset(image, 0, sizeof(*image));
	memset(why, 0, sizeof(*why));
	return hone_relocate(LLVMGetBufferStart(e->object), LLVMGetBufferSize(e->object), image,
			     why);
}

static void drop(struct hone_image *image)
{
	free(image->insns);
	free(image->relocs);
	free(image->functions);
}

static const char all_symbols[] =
	"@map_3 = external global i8\n"
	"@mapval_7 = external global i8\n"
	"@hone_table = external global i8\n"
	"@hone_guard = external global i8\n"
	"@hone_slots = external global i8\n"
	"@hone_counts = external global i8\n"
	"define i32 @program(ptr %ctx) nounwind {\n"
	"  %guard = load volatile i64, ptr @hone_guard\n"
	"  %at = getelementptr i8, ptr @hone_table, i64 64\n"
	"  %table = load volatile i64, ptr %at\n"
	"  %value = load volatile i64, ptr @mapval_7\n"
	"  %a = call i64 inttoptr (i64 1 to ptr)(ptr @map_3, ptr %ctx)\n"
	"  %b = call i64 inttoptr (i64 1 to ptr)(ptr @hone_slots, ptr %ctx)\n"
	"  %c = call i64 inttoptr (i64 1 to ptr)(ptr @hone_counts, ptr %ctx)\n"
	"  ret i32 2\n"
	"}\n";

static void every_symbol_becomes_its_relocation(void **state)
{
	static const struct hone_reloc expected[] = {
		{.kind = HONE_RELOC_GUARD},
		{.kind = HONE_RELOC_TABLE},
		{.kind = HONE_RELOC_MAP_VALUE, .map = 7},
		{.kind = HONE_RELOC_MAP, .map = 3},
		{.kind = HONE_RELOC_SLOTS},
		{.kind = HONE_RELOC_COUNTS},
	};
	struct emitted e = emit(all_symbols);
	struct hone_image image;
	struct hone_refusal why;

	(void)state;
	if (relocate(&e, &image, &why))
		fail_msg("%s", why.detail);
	assert_int_equal(image.n_relocs, sizeof(expected) / sizeof(expected[0]));
	for (uint32_t i = 0; i < image.n_relocs; i++) {
		assert_int_equal(image.relocs[i].kind, expected[i].kind);
		assert_int_equal(image.relocs[i].map, expected[i].map);
		assert_int_equal(image.insns[image.relocs[i].insn].code, BPF_LD | BPF_IMM | BPF_DW);
		assert_true(i == 0 || image.relocs[i].insn > image.relocs[i - 1].insn);
	}
	assert_int_equal(image.insns[image.n_insns - 1].code, BPF_JMP | BPF_EXIT);
	drop(&image);
	release(&e);
}

/* The detail names the culprit. */
static void assert_refused(const char *text, const char *culprit)
{
	struct emitted e = emit(text);
	struct hone_image image;
	struct hone_refusal why;

	assert_int_equal(relocate(&e, &image, &why), -EINVAL);
	assert_int_equal(why.reason, HONE_NO_RELOCATE);
	if (!strstr(why.detail, culprit))
		fail_msg("%s", why.detail);
	assert_null(image.insns);
	assert_null(image.relocs);
	release(&e);
}

static void refuses_constants_that_did_not_fold(void **state)
{
	(void)state;
	assert_refused("@bytes = internal constant [4 x i8] c\"abcd\"\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = load volatile i32, ptr %ctx\n"
		       "  %at = getelementptr i8, ptr @bytes, i32 %i\n"
		       "  %byte = load i8, ptr %at\n"
		       "  %result = zext i8 %byte to i32\n"
		       "  ret i32 %result\n"
		       "}\n",
		       ".rodata");
}

static void refuses_unknown_symbols(void **state)
{
	(void)state;
	assert_refused("@map_64 = external global i8\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = load volatile i32, ptr @map_64\n"
		       "  ret i32 %i\n"
		       "}\n",
		       "map_64");
	assert_refused("@map_1x = external global i8\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = load volatile i32, ptr @map_1x\n"
		       "  ret i32 %i\n"
		       "}\n",
		       "map_1x");
	assert_refused("@hone_tables = external global i8\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = load volatile i32, ptr @hone_tables\n"
		       "  ret i32 %i\n"
		       "}\n",
		       "hone_tables");
}

static void refuses_calls_of_other_functions(void **state)
{
	(void)state;
	assert_refused("declare i64 @elsewhere(ptr)\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = call i64 @elsewhere(ptr %ctx)\n"
		       "  ret i32 0\n"
		       "}\n",
		       "relocation 0");
}

static void refuses_data_that_programs_write(void **state)
{
	(void)state;
	assert_refused("@counter = global i64 7\n"
		       "define i32 @program(ptr %ctx) nounwind {\n"
		       "  %i = load volatile i32, ptr @counter\n"
		       "  ret i32 %i\n"
		       "}\n",
		       ".data");
}

/* Whatever is missing or wrong, it is an answer and not a crash. */
static void survives_broken_objects(void **state)
{
	struct emitted e = emit(all_symbols);
	size_t size = LLVMGetBufferSize(e.object);
	char *bytes = malloc(size);
	struct hone_image image = {0};
	struct hone_refusal why;

	(void)state;
	assert_non_null(bytes);
	for (size_t length = 0; length < size; length++) {
		char *part =
			malloc(length + 1); /* exactly so long: sanitizers see a read past it */

		assert_non_null(part);
		memcpy(part, LLVMGetBufferStart(e.object), length);
		if (!hone_relocate(part, length, &image, &why))
			drop(&image);
		free(part);
	}
	for (size_t at = 0; at < size; at++) {
		memcpy(bytes, LLVMGetBufferStart(e.object), size);
		bytes[at] = (char)(bytes[at] ^ 0xff);
		if (!hone_relocate(bytes, size, &image, &why))
			drop(&image);
	}
	assert_int_equal(hone_relocate("no object", 9, &image, &why), -EINVAL);
	free(bytes);
	release(&e);
}

static void back_end_errors_are_errors(void **state)
{
	static const char text[] = "define i32 @program(ptr %ctx) nounwind {\n"
				   "  %frame = alloca [600 x i8], align 8\n"
				   "  %a = call i64 inttoptr (i64 1 to ptr)(ptr %frame, ptr %ctx)\n"
				   "  ret i32 2\n"
				   "}\n";
	struct hone_arena *arena = hone_arena_new();
	struct hone_ir *ir = hone_ir_new(arena, "v3", UINT32_MAX);
	LLVMMemoryBufferRef object = NULL;

	(void)state;
	assert_int_equal(hone_ir_parse(ir, "test", text, strlen(text)), 0);
	assert_int_equal(hone_optimize(ir), 0);
	assert_int_equal(hone_emit(ir, &object), -EINVAL);
	assert_non_null(strstr(ir->error, "stack"));
	assert_null(object);
	hone_ir_free(ir);
	hone_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_symbol_becomes_its_relocation),
		cmocka_unit_test(refuses_constants_that_did_not_fold),
		cmocka_unit_test(refuses_unknown_symbols),
		cmocka_unit_test(refuses_calls_of_other_functions),
		cmocka_unit_test(refuses_data_that_programs_write),
		cmocka_unit_test(survives_broken_objects),
		cmocka_unit_test(back_end_errors_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
