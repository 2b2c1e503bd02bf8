/* SPDX-License-Identifier: Apache-2.0 */
/* expected: the table of programs that are refused, with the reason each of them must give. */
#ifndef HONE_ZOO_EXPECTED_H
#define HONE_ZOO_EXPECTED_H

#include <stdint.h>

#include "compiler/facts.h"

enum { ZOO_NAME_LEN = 128 };

struct zoo_expected {
	uint32_t n;
	struct zoo_expected_row {
		char program[ZOO_NAME_LEN];
		char reason[64];
	} *rows;
};

/* zoo_expected_read() - rows of `PROGRAM REASON`; # starts a comment. Returns 0, -EINVAL (a row
 * that is not one; printed), or -errno. Freed with zoo_expected_free(). */
int zoo_expected_read(const char *path, struct zoo_expected *out);
void zoo_expected_free(struct zoo_expected *expected);

/* The id of the reason that the program must give; NULL: it must be accepted. */
const char *zoo_expected_reason(const struct zoo_expected *expected, const char *program);

#endif
