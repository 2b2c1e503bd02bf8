// SPDX-License-Identifier: Apache-2.0
/* expected: see the header. */
#include "tests/zoo/expected.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/common/cleanup.h"

static int add_row(struct zoo_expected *expected, const struct zoo_expected_row *row)
{
	struct zoo_expected_row *grown =
		realloc(expected->rows, (expected->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	expected->rows = grown;
	expected->rows[expected->n++] = *row;
	return 0;
}

static int read_line(struct zoo_expected *expected, char *line)
{
	struct zoo_expected_row row;
	char more;
	int n;

	line[strcspn(line, "#\n")] = '\0';
	n = sscanf(line, "%127s %63s %c", row.program, row.reason, &more);
	if (n <= 0)
		return 0;
	return n == 2 ? add_row(expected, &row) : -EINVAL;
}

int zoo_expected_read(const char *path, struct zoo_expected *out)
{
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	struct zoo_expected expected = {0};
	char line[512];
	int err = 0;

	if (!file)
		return -errno;
	for (uint32_t at = 1; !err && fgets(line, sizeof(line), file); at++) {
		err = read_line(&expected, line);
		if (err)
			fprintf(stderr, "%s:%u: not a row of PROGRAM REASON\n", path, at);
	}
	if (err)
		zoo_expected_free(&expected);
	else
		*out = expected;
	return err;
}

void zoo_expected_free(struct zoo_expected *expected)
{
	free(expected->rows);
	*expected = (struct zoo_expected){0};
}

const char *zoo_expected_reason(const struct zoo_expected *expected, const char *program)
{
	for (uint32_t i = 0; i < expected->n; i++)
		if (!strcmp(expected->rows[i].program, program))
			return expected->rows[i].reason;
	return NULL;
}
