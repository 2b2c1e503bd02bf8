// SPDX-License-Identifier: Apache-2.0
/* build: the compiler without a kernel: an object or C source in, an object out. honec.c does it.
 */
#include <string.h>

#include "runtime/cli/command.h"

static const struct hone_build_options defaults = {.level = 2};

static const struct hone_option options[] = {
	ARG(hone_build_options, input, TEXT, "IN", "BPF object, or C source (.c)"),
	REQ(hone_build_options, output, TEXT, 'o', "output", "OUT", "object to write or replace"),
	OPT(hone_build_options, level, LEVEL, "level", "N", "as of attach (2)"),
	OPT(hone_build_options, facts, TEXT, "facts", "F", "what hone snapshot wrote"),
	OPT(hone_build_options, program, TEXT, "program", "NAME", "this one only"),
	HONE_ROW(hone_build_options, clang_args, REST, NULL, "CLANG-ARG", "-I, -D … for C source",
		 false),
	{0},
};

static enum hone_exit do_build(struct hone_cli *cli, const void *opts)
{
	return hone_build(cli, opts);
}

const struct hone_command hone_cmd_build = {
	.name = "build",
	.summary = "compile an object without a kernel",
	.options = options,
	.defaults = &defaults,
	.size = sizeof(defaults),
	.run = do_build,
};
