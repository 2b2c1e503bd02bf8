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

static struct hone_code *decoded(const struct hone_unit *unit)
{
	struct hone_refusal why;
	struct hone_code *code = hone_decode(arena, unit, &why);

	if (!code)
		fail_msg("%s: %s", hone_reason_id(why.reason), why.detail);
	return code;
}

struct hone_kinds *analysed_kinds_or(const struct hone_unit *unit, struct hone_refusal *why)
{
	return hone_kinds(arena, decoded(unit), why);
}

static struct hone_kinds *must(const struct hone_code *code)
{
	struct hone_refusal why;
	struct hone_kinds *kinds = hone_kinds(arena, code, &why);

	if (!kinds)
		fail_msg("%s: %s", hone_reason_id(why.reason), why.detail);
	return kinds;
}

struct hone_kinds *analysed_kinds(const struct hone_unit *unit)
{
	return must(decoded(unit));
}

struct hone_analysis *analysed(const struct hone_unit *unit)
{
	struct hone_code *code = decoded(unit);

	return hone_effects(arena, code, must(code));
}
