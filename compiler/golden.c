// SPDX-License-Identifier: Apache-2.0
/* golden: honec -S or --report on LLVM IR written by hand, for tests of passes.
 *
 *   honec -S|--report [--passes=a,b] [--facts=F.json] FILE.ll
 *
 * Finds sites by their marks (ir.h), as if the file had been lifted: the map is the global that
 * the call names, found in the facts by that name. What analysis would know of a site is written
 * beside its mark:
 *   !hone.key     !{i32 key}                the key is this constant
 *   !hone.address !{i32 1}                  the value's address is used as a number
 *   !hone.tested  !{i32 offset, i64 bits}   the value is only tested so
 * Runs the passes, then LLVM's; prints the IR or the report. Emits no code, builds no guard. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "compiler/ir.h"

enum { EXIT_USAGE = 2, LOOKUP_ID = 1, TAIL_CALL_ID = 12 };

struct golden_options {
	bool print_ir, print_report;
	const char *passes, *facts_path, *ir_path;
};

struct golden {
	struct hone_arena *arena;
	struct hone_ir *ir;
	struct hone_request request;
	struct hone_analysis analysis;
};

/* ---- files ---- */

static int read_file(struct hone_arena *arena, const char *path, char **text, size_t *size)
{
	FILE *file = fopen(path, "re");
	long end;

	if (!file || fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (file)
			fclose(file);
		return -EIO;
	}
	*size = (size_t)end;
	*text = hone_arena_alloc(arena, *size + 1, 1);
	*size = fread(*text, 1, *size, file);
	fclose(file);
	return 0;
}

static int read_facts(struct golden *golden, const char *path)
{
	char error[HONE_DETAIL_LEN] = "";
	size_t size;
	char *text;
	int err;

	if (!path)
		return 0;
	err = read_file(golden->arena, path, &text, &size);
	if (err)
		return err;
	err = hone_facts_decode(text, size, &golden->request, error);
	if (err)
		fprintf(stderr, "%s: %s\n", path, error);
	return err;
}

static int read_ir(struct golden *golden, const char *path)
{
	size_t size;
	char *text;
	int err = read_file(golden->arena, path, &text, &size);

	if (err)
		return err;
	golden->ir = hone_ir_new(golden->arena, "v3", golden->request.policy.max_table_bytes);
	if (!golden->ir) {
		fprintf(stderr, "LLVM has no BPF back end\n");
		return -ENOTSUP;
	}
	err = hone_ir_parse(golden->ir, path, text, size);
	if (err)
		fprintf(stderr, "%s: %s\n", path, golden->ir->error);
	return err;
}

/* ---- sites ---- */

/* Operand `n` of the instruction's mark; NULL: no such. */
static LLVMValueRef mark_operand(struct hone_ir *ir, LLVMValueRef insn, const char *mark,
				 unsigned int n)
{
	unsigned int kind = LLVMGetMDKindIDInContext(ir->context, mark, (unsigned int)strlen(mark));
	LLVMValueRef node = LLVMGetMetadata(insn, kind);
	LLVMValueRef operands[2];

	if (!node || LLVMGetMDNodeNumOperands(node) <= n || LLVMGetMDNodeNumOperands(node) > 2)
		return NULL;
	LLVMGetMDNodeOperands(node, operands);
	return LLVMIsAConstantInt(operands[n]);
}

static uint64_t helper_id(LLVMValueRef call)
{
	LLVMValueRef callee = LLVMGetCalledValue(call);

	if (!LLVMIsAConstantExpr(callee) || LLVMGetConstOpcode(callee) != LLVMIntToPtr)
		return 0;
	return LLVMConstIntGetZExtValue(LLVMGetOperand(callee, 0));
}

/* The set of the map that the operand names; none when it is not a map's global. */
static uint64_t map_set(const struct golden *golden, LLVMValueRef operand)
{
	const struct hone_unit *unit = &golden->request.unit;
	size_t length;

	if (!LLVMIsAGlobalVariable(operand))
		return 0;
	for (uint32_t i = 0; i < unit->n_maps; i++)
		if (!strcmp(unit->maps[i].name, LLVMGetValueName2(operand, &length)))
			return (uint64_t)1 << i;
	return 0;
}

static int read_site(struct golden *golden, LLVMValueRef call, struct hone_site *site)
{
	LLVMValueRef key = mark_operand(golden->ir, call, "hone.key", 0);
	LLVMValueRef offset = mark_operand(golden->ir, call, "hone.tested", 0);
	LLVMValueRef bits = mark_operand(golden->ir, call, "hone.tested", 1);
	uint64_t id = helper_id(call);

	if (id != LOOKUP_ID && id != TAIL_CALL_ID)
		return -EINVAL;
	site->kind = id == LOOKUP_ID ? HONE_SITE_LOOKUP : HONE_SITE_TAIL_CALL;
	site->maps = map_set(golden, LLVMGetOperand(call, id == LOOKUP_ID ? 0 : 1));
	site->address_used = mark_operand(golden->ir, call, "hone.address", 0);
	if (key) {
		site->key_is_known = true;
		site->key = (uint32_t)LLVMConstIntGetZExtValue(key);
	}
	if (offset && bits) {
		site->tested_ok = true;
		site->tested_offset = (uint32_t)LLVMConstIntGetZExtValue(offset);
		site->tested_bits = LLVMConstIntGetZExtValue(bits);
	}
	return 0;
}

/* A mark of the instruction: a site, or a load of one. */
static int read_marks(struct golden *golden, LLVMValueRef insn)
{
	int64_t site = hone_mark_of(golden->ir, insn, HONE_MARK_SITE);
	int64_t load = hone_mark_of(golden->ir, insn, HONE_MARK_LOAD);

	if (site >= HONE_SITES_MAX || load >= HONE_SITES_MAX)
		return -EINVAL;
	if (load >= 0)
		golden->analysis.sites[load].n_loads++;
	if (site < 0)
		return 0;
	if (!LLVMIsACallInst(insn))
		return -EINVAL;
	if (site >= golden->analysis.n_sites)
		golden->analysis.n_sites = (uint32_t)site + 1;
	return read_site(golden, insn, &golden->analysis.sites[site]);
}

static int find_sites(struct golden *golden)
{
	struct hone_analysis *analysis = &golden->analysis;

	analysis->sites = hone_arena_alloc(golden->arena, HONE_SITES_MAX, sizeof(*analysis->sites));
	analysis->effects = hone_arena_alloc(golden->arena, golden->request.unit.n_maps,
					     sizeof(*analysis->effects));
	for (uint32_t i = 0; i < HONE_SITES_MAX; i++)
		analysis->sites[i].id = i;

	for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(golden->ir->function); block;
	     block = LLVMGetNextBasicBlock(block))
		for (LLVMValueRef insn = LLVMGetFirstInstruction(block); insn;
		     insn = LLVMGetNextInstruction(insn))
			if (read_marks(golden, insn)) {
				fprintf(stderr, "a mark is not on a lookup or tail call\n");
				return -EINVAL;
			}
	return 0;
}

/* ---- the compile ---- */

static int rewrite(struct golden *golden, const char *passes, struct hone_result *result)
{
	const struct hone_pass_input input = {
		.policy = &golden->request.policy,
		.unit = &golden->request.unit,
		.analysis = &golden->analysis,
		.only = passes,
	};
	int err;

	hone_passes_run(golden->ir, &input, result);
	err = hone_optimize(golden->ir);
	if (!err)
		err = hone_passes_settle(golden->ir);
	if (err)
		fprintf(stderr, "%s: %s\n", golden->ir->error, strerror(-err));
	return err;
}

static int print(struct golden *golden, const struct golden_options *options,
		 struct hone_result *result)
{
	if (options->print_ir) {
		char *text = LLVMPrintModuleToString(golden->ir->module);

		fputs(text, stdout);
		LLVMDisposeMessage(text);
	}
	result->image.table_bytes = golden->ir->tables->size;
	return options->print_report ? hone_report_print(stdout, &golden->request.unit, result) : 0;
}

static int run(const struct golden_options *options)
{
	struct golden golden = {.arena = hone_arena_new()};
	struct hone_result result = {0};
	int err = read_facts(&golden, options->facts_path);

	if (!err)
		err = read_ir(&golden, options->ir_path);
	if (!err)
		err = find_sites(&golden);
	if (!err)
		err = rewrite(&golden, options->passes, &result);
	if (!err)
		err = print(&golden, options, &result);

	hone_result_free(&result);
	hone_request_free(&golden.request);
	hone_ir_free(golden.ir);
	hone_arena_free(golden.arena);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int hone_golden_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"report", no_argument, NULL, 'r'},
		{"passes", required_argument, NULL, 'p'},
		{"facts", required_argument, NULL, 'f'},
		{0},
	};
	struct golden_options options = {0};
	int option;

	while ((option = getopt_long(argc, argv, "S", long_options, NULL)) != -1) {
		switch (option) {
		case 'S':
			options.print_ir = true;
			break;
		case 'r':
			options.print_report = true;
			break;
		case 'p':
			options.passes = optarg;
			break;
		case 'f':
			options.facts_path = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc || (!options.print_ir && !options.print_report)) {
		fprintf(stderr, "usage: honec -S|--report [--passes=A,B] [--facts=F] FILE.ll\n");
		return EXIT_USAGE;
	}
	options.ir_path = argv[optind];
	return run(&options);
}
