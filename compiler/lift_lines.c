// SPDX-License-Identifier: Apache-2.0
/* lift_lines: source lines as LLVM's debug locations. A line's number is not the source's, but 1 +
 * the index of the original's line_info record, in one file that does not exist: so what LLVM
 * keeps of it leads back to the record (lines.c), and from there to file, line and text.
 *
 * A unit without line_info gets none, and costs nothing. */
#include <string.h>

#include "compiler/lift.h"

enum { DEBUG_INFO_VERSION = 3 };
/* LLVM would read it, were it there. */
static const char file[] = "line_info", directory[] = "/dev/null";
static const char version_flag[] = "Debug Info Version";

/* Records are sorted by instruction; each holds up to the next one. */
static void fill_line_of(const struct hone_unit *unit, uint32_t *line_of)
{
	uint32_t line = 0;

	for (uint32_t insn = 0; insn < unit->n_insns; insn++) {
		for (; line < unit->n_line_info; line++) {
			uint32_t at;

			memcpy(&at, unit->line_info + (size_t)line * unit->line_info_rec_size,
			       sizeof(at));
			if (at > insn)
				break;
		}
		line_of[insn] = line;
	}
}

void hone_lift_lines_begin(struct hone_lifter *lifter)
{
	const struct hone_unit *unit = lifter->code->unit;
	struct hone_ir *ir = lifter->ir;

	if (unit->n_line_info == 0 || unit->line_info_rec_size < sizeof(struct bpf_line_info))
		return;
	lifter->line_of = hone_arena_alloc(ir->arena, unit->n_insns, sizeof(uint32_t));
	fill_line_of(unit, lifter->line_of);
	LLVMAddModuleFlag(ir->module, LLVMModuleFlagBehaviorWarning, version_flag,
			  strlen(version_flag),
			  LLVMValueAsMetadata(LLVMConstInt(ir->i32, DEBUG_INFO_VERSION, false)));
	lifter->debug = LLVMCreateDIBuilder(ir->module);
	lifter->file = LLVMDIBuilderCreateFile(lifter->debug, file, strlen(file), directory,
					       strlen(directory));
	LLVMDIBuilderCreateCompileUnit(lifter->debug, LLVMDWARFSourceLanguageC, lifter->file, "", 0,
				       true, "", 0, 0, "", 0, LLVMDWARFEmissionLineTablesOnly, 0,
				       false, false, "", 0, "", 0);
}

void hone_lift_lines_open(struct hone_lifter *lifter)
{
	uint32_t line;
	LLVMMetadataRef type;

	if (!lifter->debug)
		return;
	LLVMSetCurrentDebugLocation2(lifter->ir->builder, NULL); /* its entry has none */
	line = lifter->line_of[lifter->code->functions[lifter->self].first];
	type = LLVMDIBuilderCreateSubroutineType(lifter->debug, lifter->file, NULL, 0,
						 LLVMDIFlagZero);
	lifter->scope =
		LLVMDIBuilderCreateFunction(lifter->debug, lifter->file, "", 0, "", 0, lifter->file,
					    line, type, false, true, line, LLVMDIFlagZero, true);
	LLVMSetSubprogram(lifter->functions[lifter->self], lifter->scope);
}

void hone_lift_line(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;

	if (!lifter->debug)
		return;
	LLVMSetCurrentDebugLocation2(ir->builder, LLVMDIBuilderCreateDebugLocation(
							  ir->context, lifter->line_of[lifter->at],
							  0, lifter->scope, NULL));
}

void hone_lift_lines_end(struct hone_lifter *lifter)
{
	if (!lifter->debug)
		return;
	LLVMSetCurrentDebugLocation2(lifter->ir->builder, NULL);
	LLVMDIBuilderFinalize(lifter->debug);
	LLVMDisposeDIBuilder(lifter->debug);
	lifter->debug = NULL;
}
