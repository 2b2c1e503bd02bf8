// SPDX-License-Identifier: Apache-2.0
/* helpers: what is known of each helper of the kernel. Signatures come from libbpf's prototypes
 * when hone is built (helpers.awk), semantics from helpers.def. */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "compiler/analysis.h"

#define ARGUMENT(n) (1u << (n))

static const struct hone_helper helpers[] = {
#define HELPER_ROW(id, helper, ...) [id] = {.name = #helper, __VA_ARGS__},
#include "compiler/helper_rows.inc"
#undef HELPER_ROW

#define FACT(helper, field, value) [BPF_FUNC_##helper].field = (value),
#include "compiler/helpers.def"
#undef FACT
};

const struct hone_helper *hone_helper(int32_t id)
{
	if (id < 0 || (size_t)id >= sizeof(helpers) / sizeof(helpers[0]) || !helpers[id].name)
		return NULL;
	return &helpers[id];
}
