// SPDX-License-Identifier: Apache-2.0
/* pipeline: LLVM's own passes over a lifted and rewritten module.
 *
 * When: after passes and guard, before emit. First the stubs are inlined and registers become
 * values, so that what a stub made constant is constant everywhere; then O2 with the BPF
 * machine's own additions (O3 unrolls more and exceeds the stack); and what the back end would
 * combine to what the verifier refuses is kept apart (separate.c). */
#include "compiler/ir.h"

#include <errno.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>

static int run(struct hone_ir *ir, const char *passes, LLVMPassBuilderOptionsRef options)
{
	LLVMErrorRef error = LLVMRunPasses(ir->module, passes, ir->machine, options);

	if (error) {
		char *message = LLVMGetErrorMessage(error);

		snprintf(ir->error, sizeof(ir->error), "%s", message);
		LLVMDisposeErrorMessage(message);
	}
	return ir->error[0] ? -EINVAL : 0;
}

int hone_optimize(struct hone_ir *ir)
{
	const char *const stages[] = {"always-inline,function(sroa)",
				      ir->is_plain ? "default<O1>" : "default<O2>"};
	LLVMPassBuilderOptionsRef options;
	int err = hone_ir_verify(ir);

	if (err)
		return err;
	options = LLVMCreatePassBuilderOptions();
	LLVMPassBuilderOptionsSetLoopUnrolling(options, !ir->is_plain);
	for (size_t i = 0; !err && i < sizeof(stages) / sizeof(stages[0]); i++)
		err = run(ir, stages[i], options);
	LLVMDisposePassBuilderOptions(options);
	if (err)
		return err;
	hone_separate(ir);
	return hone_ir_verify(ir);
}
