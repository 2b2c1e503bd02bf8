/* SPDX-License-Identifier: Apache-2.0 */
/* analysed: the analyses of a unit, for tests of what comes last. */
#ifndef HONE_TEST_ANALYSED_H
#define HONE_TEST_ANALYSED_H

#include "compiler/analysis.h"

/* A test whose analyses live until its end. */
#define ANALYSED(name) cmocka_unit_test_setup_teardown(name, analysed_begin, analysed_end)

int analysed_begin(void **state);
int analysed_end(void **state);

/* Fails the test where the unit is refused. */
struct hone_analysis *analysed(const struct hone_unit *unit);

#endif
