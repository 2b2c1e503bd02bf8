/* SPDX-License-Identifier: Apache-2.0 */
/* analysed: the analyses of a unit, for tests of what comes last. */
#ifndef HONE_TEST_ANALYSED_H
#define HONE_TEST_ANALYSED_H

#include "compiler/analysis.h"

/* A test whose analyses live until its end. */
#define ANALYSED(name) cmocka_unit_test_setup_teardown(name, analysed_begin, analysed_end)

int analysed_begin(void **state);
int analysed_end(void **state);

/* Fail the test where the unit is refused. */
struct hone_kinds *analysed_kinds(const struct hone_unit *unit);
struct hone_analysis *analysed(const struct hone_unit *unit);

/* NULL and *why where kinds.c refuses; decode.c must not. */
struct hone_kinds *analysed_kinds_or(const struct hone_unit *unit, struct hone_refusal *why);

#endif
