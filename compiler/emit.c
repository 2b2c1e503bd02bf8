// SPDX-License-Identifier: Apache-2.0
/* emit: an optimised module to a BPF object in memory. The back end's complaints (stack too
 * large, a jump too far) come as diagnostics while it goes on emitting: any of them is an error
 * here. relocate.c takes the object apart. */
#include "compiler/ir.h"

#include <errno.h>
#include <stdio.h>

int hone_emit(struct hone_ir *ir, LLVMMemoryBufferRef *object)
{
	LLVMMemoryBufferRef buffer = NULL;
	char *message = NULL;

	if (LLVMTargetMachineEmitToMemoryBuffer(ir->machine, ir->module, LLVMObjectFile, &message,
						&buffer)) {
		snprintf(ir->error, sizeof(ir->error), "%s", message);
		LLVMDisposeMessage(message);
		return -EINVAL;
	}
	if (ir->error[0]) {
		LLVMDisposeMemoryBuffer(buffer);
		return -EINVAL;
	}
	*object = buffer;
	return 0;
}
