// SPDX-License-Identifier: Apache-2.0
/* file: replaced whole or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/common/cleanup.h"
#include "runtime/common/file.h"

static int make_dir(void **state)
{
	char template[] = "/tmp/hone-file-XXXXXX";

	if (!mkdtemp(template))
		return -1;
	*state = strdup(template);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	unlink(path);
	rmdir(path);
	rmdir(*state); /* fails, and then the next line does, if a test left something behind */
	assert_int_equal(access(*state, F_OK), -1);
	free(*state);
	return 0;
}

static void replaces_the_bytes_and_the_mode(void **state)
{
	_cleanup_free_ char *data = NULL;
	char path[256];
	struct stat st;
	size_t size;

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	assert_int_equal(hone_file_replace(path, "long content", 12, 0644), 0);
	assert_int_equal(hone_file_replace(path, "a\0b", 3, 0600), 0);
	assert_int_equal(hone_file_read(path, 100, &data, &size), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b", 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_failed_replace_leaves_no_temporary_file(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	assert_int_equal(mkdir(path, 0700), 0); /* a directory cannot be renamed over */
	assert_int_equal(hone_file_replace(path, "x", 1, 0600), -EISDIR);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	char path[256];
	char *data = NULL;
	size_t size = 7;

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	assert_int_equal(hone_file_replace(path, "12345", 5, 0600), 0);
	assert_int_equal(hone_file_read(path, 4, &data, &size), -EFBIG);
	assert_null(data);
	assert_int_equal(size, 7);
	assert_int_equal(hone_file_read(path, 5, &data, &size), 0);
	free(data);
}

static void directories_are_made_with_their_parents(void **state)
{
	char path[256], inner[300];

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	snprintf(inner, sizeof(inner), "%s/a/b", path);
	assert_int_equal(hone_dir_make(inner, 0700), 0);
	assert_int_equal(hone_dir_make(inner, 0700), 0);
	assert_int_equal(hone_dir_make("", 0700), -EINVAL);
	assert_int_equal(rmdir(inner), 0);
	snprintf(inner, sizeof(inner), "%s/a", path);
	assert_int_equal(rmdir(inner), 0);
}

static void the_boot_id_is_a_uuid(void **state)
{
	char id[HONE_BOOT_ID_LEN];

	(void)state;
	assert_int_equal(hone_boot_id(id), 0);
	assert_int_equal(strlen(id), HONE_BOOT_ID_LEN - 1);
	assert_int_equal(id[8], '-');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replaces_the_bytes_and_the_mode, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_failed_replace_leaves_no_temporary_file, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_refused, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(directories_are_made_with_their_parents, make_dir,
						remove_dir),
		cmocka_unit_test(the_boot_id_is_a_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
