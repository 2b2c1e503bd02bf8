// SPDX-License-Identifier: Apache-2.0
/* analysed: see the header. */
#include "tests/unit/analysed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hone_arena *arena;

int analysed_begin(void **state)
{
	(void)state;
	arena = hone_arena_new();
	return 0;
}

int analysed_end(void **state)
{
	(void)state;
	hone_arena_free(arena);
	return 0;
}

struct hone_analysis *analysed(const struct hone_unit *unit)
{
	struct hone_refusal why;
	struct hone_code *code = hone_decode(arena, unit, &why);
	struct hone_kinds *kinds = code ? hone_kinds(arena, code, &why) : NULL;

	if (!kinds)
		fail_msg("%s: %s", hone_reason_id(why.reason), why.detail);
	return hone_effects(arena, code, kinds);
}
