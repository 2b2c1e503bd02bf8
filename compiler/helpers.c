// SPDX-License-Identifier: Apache-2.0
/* helpers: what is known of each helper; the rows are in helpers.def. */
#include "compiler/analysis.h"

#define READS(arg, by) {.mem_arg = arg, .size_arg = by}
#define WRITES(arg, by) {.mem_arg = arg, .size_arg = by, .writes = true}
#define READS_N(arg, n) {.mem_arg = arg, .size = n}
#define WRITES_N(arg, n) {.mem_arg = arg, .size = n, .writes = true}

static const struct hone_helper helpers[] = {
#define HELPER(id, arguments, ...)                                                                 \
	[BPF_FUNC_##id] = {.name = #id, .n_args = arguments, __VA_ARGS__},
#include "compiler/helpers.def"
#undef HELPER
};

const struct hone_helper *hone_helper(int32_t id)
{
	if (id < 0 || (size_t)id >= sizeof(helpers) / sizeof(helpers[0]) || !helpers[id].name)
		return NULL;
	return &helpers[id];
}
